/** All jobs I may know of; the filters are in the address. */
import { Group, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { projectsQuery } from "../../api";
import { Page, t } from "../../ui";
import { JobsList } from "./JobsList";

const states = ["queued", "running", "done", "failed", "cancelled"] as const;

export function JobsPage() {
  const [search, setSearch] = useSearchParams();
  const projects = useQuery(projectsQuery);
  const state = states.find((name) => name === search.get("state")) ?? null;
  const set = (key: string, value: string | null) =>
    setSearch((old) => {
      if (value) old.set(key, value);
      else old.delete(key);
      return old;
    });
  return (
    <Page title={t.nav.jobs}>
      <Group>
        <Select
          label={t.worklist.project}
          placeholder={t.worklist.allProjects}
          clearable
          data={(projects.data?.items ?? []).map((project) => ({ value: project.id, label: project.name }))}
          value={search.get("project")}
          onChange={(value) => set("project", value)}
          w={280}
        />
        <Select
          label={t.worklist.state}
          placeholder={t.worklist.allStates}
          clearable
          data={states.map((value) => ({ value, label: t.jobs.states[value] }))}
          value={state}
          onChange={(value) => set("state", value)}
          w={200}
        />
      </Group>
      <JobsList projectId={search.get("project")} state={state} />
    </Page>
  );
}
