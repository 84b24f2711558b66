/** The projects I belong to (an admin: all), and making a new one. */
import { Button, Card, Group, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { FolderPlus } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { asProblem, createProject, type ProjectOut, projectsQuery, sessionQuery, useAction } from "../../api";
import { EmptyState, FormDialog, NameFields, Page, Problem, SimulatedBadge, t, trimmed, Waiting } from "../../ui";

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
  const [naming, setNaming] = useState({ name: "", description: "" });
  const create = useAction(createProject, {
    stale: ["projects"],
    shownInPlace: true,
    onDone: (project) => void navigate(`/projects/${project.id}`),
  });
  const submit = () => {
    const { name, description } = trimmed(naming);
    create.run(name, description);
  };
  return (
    <FormDialog
      title={t.projects.create}
      act={t.projects.create}
      busy={create.busy}
      problem={create.problem}
      ready={naming.name.trim() !== ""}
      onSubmit={submit}
      onClose={onClose}
    >
      <NameFields value={naming} onChange={setNaming} longest={{ name: 120, description: 4000 }} />
    </FormDialog>
  );
}
