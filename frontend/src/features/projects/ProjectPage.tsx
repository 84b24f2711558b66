/** One project in tabs; the tab is in the address. Who does not run the project sees it read-only. */
import { Alert, Button, Group, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { asProblem, type ProjectOut, projectQuery, sessionQuery } from "../../api";
import { Page, Problem, SimulatedBadge, t, Waiting } from "../../ui";
import { JobsList, PretrainButton } from "../jobs";
import { ModelsTab } from "../models";
import { ExpertsTab } from "./ExpertsTab";
import { ImagesTab } from "./ImagesTab";
import { LabelsTab } from "./LabelsTab";
import { MembersTab } from "./MembersTab";
import { PolicyTab } from "./PolicyTab";
import { ProgressTab } from "./ProgressTab";
import { ReviewsTab } from "./ReviewsTab";
import { SettingsTab } from "./SettingsTab";

const ImportTab = lazy(() => import("./import/ImportTab"));

const tabs = [
  "images",
  "reviews",
  "progress",
  "import",
  "labels",
  "experts",
  "members",
  "policy",
  "models",
  "jobs",
  "settings",
] as const;
type TabName = (typeof tabs)[number];
const forManagers: readonly TabName[] = ["progress", "import", "members", "settings"];

export function ProjectPage() {
  const { project: projectId = "" } = useParams();
  const project = useQuery(projectQuery(projectId));
  if (project.error)
    return (
      <Page title={t.nav.projects}>
        <Problem problem={asProblem(project.error)} retry={() => void project.refetch()} />
      </Page>
    );
  if (!project.data) return <Waiting />;
  return <ProjectTabs project={project.data} />;
}

function ProjectTabs({ project }: { project: ProjectOut }) {
  const isAdmin = useQuery(sessionQuery).data?.user.role === "admin";
  const [search, setSearch] = useSearchParams();
  const manages = isAdmin || project.role === "manager";
  const reviews = project.role === "adjudicator";
  const shown = tabs.filter((tab) => (tab === "reviews" ? reviews : manages || !forManagers.includes(tab)));
  const asked = search.get("tab");
  const tab = shown.find((name) => name === asked) ?? "images";
  return (
    <Page
      title={
        <Group component="span" gap="sm">
          <bdi>{project.name}</bdi>
          {project.simulated && <SimulatedBadge />}
        </Group>
      }
      actions={manages && <PretrainButton projectId={project.id} />}
    >
      {tab === "images" && project.description && <Text c="dimmed">{project.description}</Text>}
      {tab === "images" && project.simulated && (
        <Alert color="yellow" variant="outline" py={6}>
          {t.simulated.hint}
        </Alert>
      )}
      {manages && <NextStep project={project} tab={tab} />}
      <Tabs value={tab} onChange={(next) => next && setSearch({ tab: next }, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          {shown.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t.project.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Suspense fallback={<Waiting />}>
          <TabBody tab={tab} project={project} manages={manages} />
        </Suspense>
      </Tabs>
    </Page>
  );
}

/** What a project still needs before anybody can read in it, one thing at a time. */
function NextStep({ project, tab }: { project: ProjectOut; tab: TabName }) {
  const { images, assignments } = project.counts;
  const missing =
    images === 0 ? "images" : project.labels.length === 0 ? "labels" : assignments === 0 ? "experts" : null;
  if (!missing) return null;
  const leadsTo: TabName = missing === "images" ? "import" : missing;
  return (
    <Group gap="sm" data-testid="next-step">
      <Text size="sm">{t.project.nextStep[missing]}</Text>
      {tab !== leadsTo && (
        <Button component={Link} to={`?tab=${leadsTo}`} size="compact-sm" variant="light">
          {t.project.tabs[leadsTo]}
        </Button>
      )}
    </Group>
  );
}

function TabBody({ tab, project, manages }: { tab: TabName; project: ProjectOut; manages: boolean }) {
  switch (tab) {
    case "images":
      return <ImagesTab project={project} manages={manages} />;
    case "reviews":
      return <ReviewsTab project={project} />;
    case "progress":
      return <ProgressTab project={project} />;
    case "settings":
      return <SettingsTab project={project} />;
    case "import":
      return <ImportTab projectId={project.id} />;
    case "labels":
      return <LabelsTab project={project} manages={manages} />;
    case "experts":
      return <ExpertsTab project={project} manages={manages} />;
    case "members":
      return <MembersTab project={project} />;
    case "policy":
      return <PolicyTab project={project} manages={manages} />;
    case "models":
      return (
        <ModelsTab
          projectId={project.id}
          firstGoal={project.policy.goal_dice}
          personalises={project.policy.personalise}
          manages={manages}
        />
      );
    case "jobs":
      return <JobsList projectId={project.id} state={null} />;
  }
}
