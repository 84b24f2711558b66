/** The project's images: picture, size, what is unusual about their geometry; opening, adding and taking out. */
import { Badge, Button, Card, Group, Menu, SimpleGrid, Stack, Text, UnstyledButton } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { EllipsisVertical, ImagePlus } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import {
  asProblem,
  findOwnAssignment,
  type ImageOut,
  imagesQuery,
  type ProjectOut,
  removeProjectImage,
  thumbnailAddress,
  useAction,
} from "../../api";
import { ConfirmByName, EmptyState, Problem, remarkOf, say, Thumbnail, t, Waiting } from "../../ui";
import { AddImages } from "./AddImages";

export function ImagesTab({ project, manages }: { project: ProjectOut; manages: boolean }) {
  const images = useInfiniteQuery(imagesQuery(project.id));
  const [adding, setAdding] = useState(false);
  const all = images.data?.pages.flatMap((page) => page.items) ?? [];
  if (images.error) return <Problem problem={asProblem(images.error)} retry={() => void images.refetch()} />;
  if (images.isPending) return <Waiting />;
  const add = manages && (
    <Group>
      <Button variant="default" leftSection={<ImagePlus size={16} />} onClick={() => setAdding(true)}>
        {t.project.addImages}
      </Button>
      {all.length === 0 && (
        <Button component={Link} to="?tab=import">
          {t.project.tabs.import}
        </Button>
      )}
    </Group>
  );
  return (
    <Stack>
      {all.length === 0 ? (
        <EmptyState
          title={t.project.noImages}
          next={manages ? t.project.noImagesNext : t.project.noImagesReader}
          action={add}
        />
      ) : (
        add
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
        {all.map((image) => (
          <ImageCard key={image.id} project={project} image={image} manages={manages} />
        ))}
      </SimpleGrid>
      {images.hasNextPage && (
        <Button variant="default" loading={images.isFetchingNextPage} onClick={() => void images.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
      {adding && (
        <AddImages
          projectId={project.id}
          present={new Set(all.map((image) => image.id))}
          onClose={() => setAdding(false)}
        />
      )}
    </Stack>
  );
}

type CardProps = { project: ProjectOut; image: ImageOut; manages: boolean };

function ImageCard({ project, image, manages }: CardProps) {
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const open = useAction(findOwnAssignment, {
    onDone: (found) => {
      if (found) void navigate(`/read/${found.id}`);
      else if (manages) void navigate(`/look/${project.id}/${image.id}`);
      else say(t.project.notMine);
    },
  });
  return (
    <Card withBorder bg="var(--ui-card)" p="sm" data-testid="image-card">
      <Group wrap="nowrap" align="flex-start">
        <UnstyledButton
          aria-label={t.worklist.openNamed(image.name)}
          onClick={() => open.run(project.id, image.id, image.name)}
        >
          <Thumbnail address={thumbnailAddress(image.id, image.sha256)} name={image.name} size={72} />
        </UnstyledButton>
        <Stack gap={2} miw={0} flex={1}>
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
            <Text key={warning} size="xs" c="var(--ui-warning)" className="sentence">
              {remarkOf(warning)}
            </Text>
          ))}
        </Stack>
        {manages && (
          <Menu position="bottom-end">
            <Menu.Target>
              <UnstyledButton aria-label={t.project.moreOf(image.name)} w={24} h={24}>
                <EllipsisVertical size={18} />
              </UnstyledButton>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => setRemoving(true)}>{t.project.removeImage}</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </Group>
      {removing && <RemoveImage project={project} image={image} onClose={() => setRemoving(false)} />}
    </Card>
  );
}

function RemoveImage({ project, image, onClose }: { project: ProjectOut; image: ImageOut; onClose: () => void }) {
  const remove = useAction(removeProjectImage, {
    stale: ["images", "project", "projects", "assignments"],
    shownInPlace: true,
    onDone: onClose,
  });
  return (
    <ConfirmByName
      title={t.project.removeImage}
      consequence={t.project.removeImageWhat}
      name={image.name}
      act={t.project.removeImage}
      busy={remove.busy}
      problem={remove.problem}
      onConfirm={() => remove.run(project.id, image.id)}
      onClose={onClose}
    />
  );
}
