/** The projects I belong to (an admin: all), and making a new one. */
import { Button, Card, Group, Modal, Progress, SimpleGrid, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { FolderPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link, useNavigate } from "react-router";
import { asProblem, createProject, type ProjectOut, projectsQuery, sessionQuery, useAction } from "../../api";
import { EmptyState, Page, Problem, SimulatedBadge, t, Waiting } from "../../ui";

export function ProjectsPage() {
  const projects = useQuery(projectsQuery);
  const isAdmin = useQuery(sessionQuery).data?.user.role === "admin";
  const [making, setMaking] = useState(false);
  const create = isAdmin && (
    <Button leftSection={<FolderPlus size={16} />} data-testid="new-project" onClick={() => setMaking(true)}>
      {t.projects.create}
    </Button>
  );
  return (
    <Page title={t.nav.projects} actions={create}>
      {projects.error && <Problem problem={asProblem(projects.error)} retry={() => void projects.refetch()} />}
      {projects.isPending && !projects.error && <Waiting />}
      {projects.data?.items.length === 0 && (
        <EmptyState
          title={t.projects.none}
          next={isAdmin ? t.projects.noneNextAdmin : t.projects.noneNext}
          action={create}
        />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {projects.data?.items.map((project) => (
          <ProjectCard key={project.id} project={project} />
        ))}
      </SimpleGrid>
      {making && <NewProject onClose={() => setMaking(false)} />}
    </Page>
  );
}

function ProjectCard({ project }: { project: ProjectOut }) {
  const { images, assignments, submitted } = project.counts;
  return (
    <Card
      component={Link}
      to={`/projects/${project.id}`}
      withBorder
      bg="var(--ui-card)"
      data-testid="project-card"
      style={{ color: "inherit" }}
    >
      <Stack gap={8}>
        <Group justify="space-between">
          <Text fw={600}>
            <bdi>{project.name}</bdi>
          </Text>
          {project.simulated && <SimulatedBadge />}
        </Group>
        <Text size="sm" c="dimmed" lineClamp={2}>
          {project.description || t.projects.noDescription}
        </Text>
        <Text size="sm">{t.projects.counts(images, submitted, assignments)}</Text>
        <Progress
          value={assignments > 0 ? (100 * submitted) / assignments : 0}
          color="teal"
          size="xs"
          aria-label={t.worklist.progress}
        />
      </Stack>
    </Card>
  );
}

function NewProject({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const create = useAction(createProject, {
    stale: ["projects"],
    shownInPlace: true,
    onDone: (project) => void navigate(`/projects/${project.id}`),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.run(name.trim(), description.trim());
  };
  return (
    <Modal opened onClose={onClose} title={t.projects.create}>
      <form onSubmit={submit}>
        <Stack>
          {create.problem && <Problem problem={create.problem} />}
          <TextInput
            label={t.projects.name}
            required
            maxLength={120}
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Textarea
            label={t.projects.description}
            maxLength={4000}
            autosize
            minRows={2}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Button type="submit" loading={create.busy} disabled={name.trim() === ""}>
            {t.projects.create}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
