/** The project's images: picture, size, what is unusual about their geometry. */
import { Badge, Button, Card, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { asProblem, type ImageOut, imagesQuery, type ProjectOut, thumbnailAddress } from "../../api";
import { EmptyState, Problem, Thumbnail, t, Waiting } from "../../ui";

export function ImagesTab({ project, manages }: { project: ProjectOut; manages: boolean }) {
  const images = useInfiniteQuery(imagesQuery(project.id));
  const all = images.data?.pages.flatMap((page) => page.items) ?? [];
  if (images.error) return <Problem problem={asProblem(images.error)} retry={() => void images.refetch()} />;
  if (images.isPending) return <Waiting />;
  if (all.length === 0)
    return (
      <EmptyState
        title={t.project.noImages}
        next={manages ? t.project.noImagesNext : t.project.noImagesReader}
        action={
          manages && (
            <Button component={Link} to="?tab=import">
              {t.project.tabs.import}
            </Button>
          )
        }
      />
    );
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
        {all.map((image) => (
          <ImageCard key={image.id} image={image} />
        ))}
      </SimpleGrid>
      {images.hasNextPage && (
        <Button variant="default" loading={images.isFetchingNextPage} onClick={() => void images.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}

function ImageCard({ image }: { image: ImageOut }) {
  return (
    <Card withBorder bg="dark.6" p="sm" data-testid="image-card">
      <Group wrap="nowrap" align="flex-start">
        <Thumbnail address={thumbnailAddress(image.id, image.sha256)} name={image.name} size={72} />
        <Stack gap={2} miw={0}>
          <Text fw={600} size="sm" truncate>
            <bdi>{image.name}</bdi>
          </Text>
          <Text size="xs" c="dimmed">
            {t.units.image(image.modality, [image.nx, image.ny, image.nz])}
          </Text>
          <Text size="xs" c="dimmed">
            <bdi>{image.patient_pseudonym}</bdi>
          </Text>
          {image.geometry !== "regular" && (
            <Badge size="sm" color="yellow" variant="outline" tt="none">
              {t.read.geometry[image.geometry]}
            </Badge>
          )}
          {image.warnings.map((warning) => (
            <Text key={warning} size="xs" c="yellow.4">
              {warning}
            </Text>
          ))}
        </Stack>
      </Group>
    </Card>
  );
}
