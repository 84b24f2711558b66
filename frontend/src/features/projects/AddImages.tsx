/** Images that are in Consilium already, for another project: chosen by their pictures. */
import { Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { addProjectImages, allImagesQuery, asProblem, thumbnailAddress, useAction } from "../../api";
import { Problem, say, Thumbnail, t, Waiting } from "../../ui";

type Props = { projectId: string; present: ReadonlySet<string>; onClose: () => void };

export function AddImages({ projectId, present, onClose }: Props) {
  const images = useInfiniteQuery(allImagesQuery);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const add = useAction(addProjectImages, {
    stale: ["images", "project", "projects", "assignments"],
    shownInPlace: true,
    onDone: ({ added }) => {
      say(t.project.imagesAdded(added), "good");
      onClose();
    },
  });
  const others = (images.data?.pages.flatMap((page) => page.items) ?? []).filter((image) => !present.has(image.id));
  return (
    <Modal opened onClose={onClose} title={t.project.addImages} size="lg">
      <Stack>
        <Text size="sm" c="dimmed">
          {t.project.addImagesHint}
        </Text>
        {images.error && <Problem problem={asProblem(images.error)} />}
        {images.isPending && !images.error && <Waiting />}
        {images.data && others.length === 0 && <Text>{t.project.noOtherImages}</Text>}
        <Checkbox.Group value={[...chosen]} onChange={setChosen} aria-label={t.project.addImages}>
          <Stack gap={6}>
            {others.map((image) => (
              <Group key={image.id} wrap="nowrap">
                <Thumbnail address={thumbnailAddress(image.id, image.sha256)} name={image.name} size={40} />
                <Checkbox
                  value={image.id}
                  label={`${image.name} · ${t.units.image(image.modality, [image.nx, image.ny, image.nz])}`}
                />
              </Group>
            ))}
          </Stack>
        </Checkbox.Group>
        {images.hasNextPage && (
          <Button variant="default" loading={images.isFetchingNextPage} onClick={() => void images.fetchNextPage()}>
            {t.shell.more}
          </Button>
        )}
        {add.problem && <Problem problem={add.problem} />}
        <Button disabled={chosen.length === 0} loading={add.busy} onClick={() => add.run(projectId, [...chosen])}>
          {t.project.addChosen(chosen.length)}
        </Button>
      </Stack>
    </Modal>
  );
}
