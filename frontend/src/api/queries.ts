/**
 * Every question the pages ask, as TanStack query options: one name, one key, one request.
 *
 * Keys begin with the kind of thing, so one event on the stream can mark a kind stale (events.ts). Lists come page by
 * page with cursors; where a page shows a whole small list (labels' experts, members), one page of 200 is asked for.
 */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getImage, getSession, listRevisions } from "./actions";
import { api, body } from "./client";
import type { AssignmentOut, JobOut } from "./wire";

const whole = 200;

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: getSession,
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

/** The person's own look and keys; changed by `updatePreferences` alone, so never stale. */
export const preferencesQuery = queryOptions({
  queryKey: ["preferences"],
  queryFn: () => body(api.GET("/api/v1/account/preferences")),
  staleTime: Number.POSITIVE_INFINITY,
});
/** Who is signed in and for how long, asked anew. */
export const askSession = () => body(api.GET("/api/v1/session"));

export const revisionsQuery = (segmentationId: string) =>
  queryOptions({ queryKey: ["revisions", segmentationId], queryFn: () => listRevisions(segmentationId) });

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: () => body(api.GET("/api/v1/projects", { params: { query: { limit: whole } } })),
});

export const projectQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project", projectId],
    queryFn: () => body(api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: projectId } } })),
  });

export const membersQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["members", projectId],
    queryFn: () =>
      body(api.GET("/api/v1/projects/{project_id}/members", { params: { path: { project_id: projectId } } })),
  });

export const projectExpertsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project-experts", projectId],
    queryFn: () =>
      body(api.GET("/api/v1/projects/{project_id}/experts", { params: { path: { project_id: projectId } } })),
  });

export const imagesQuery = (projectId: string) =>
  infiniteQueryOptions({
    queryKey: ["images", projectId],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/images", { params: { query: { project_id: projectId, limit: 60, ...cursor(pageParam) } } }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

/** One image by its id; what it is called does not change. */
export const imageQuery = (imageId: string) =>
  queryOptions({ queryKey: ["image", imageId], queryFn: () => getImage(imageId), staleTime: Number.POSITIVE_INFINITY });

/** Every image I may see, of whatever project. */
export const allImagesQuery = infiniteQueryOptions({
  queryKey: ["images", "all"],
  queryFn: ({ pageParam }) =>
    body(api.GET("/api/v1/images", { params: { query: { limit: 60, ...cursor(pageParam) } } })),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_cursor,
});

export type AssignmentSort = "order" | "name" | "updated";

export type AssignmentFilter = {
  projectId: string | null;
  state: AssignmentOut["state"] | null;
  modality: string | null;
  /** Part of the image's name. */
  name: string;
  sort: AssignmentSort;
};

export const assignmentsQuery = ({ projectId, state, modality, name, sort }: AssignmentFilter) =>
  infiniteQueryOptions({
    queryKey: ["assignments", "list", projectId, state, modality, name, sort],
    queryFn: ({ pageParam, signal }) =>
      body(
        api.GET("/api/v1/assignments", {
          params: {
            query: {
              limit: 50,
              sort,
              ...(projectId && { project_id: projectId }),
              ...(state && { state }),
              ...(modality && { modality }),
              ...(name && { name }),
              ...cursor(pageParam),
            },
          },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });

/** How many reads I have by project, modality and state: progress, and what there is to filter by. */
export const assignmentCountsQuery = queryOptions({
  queryKey: ["assignments", "counts"],
  queryFn: () => body(api.GET("/api/v1/assignments/counts")),
});

export const progressQuery = (projectId: string) =>
  infiniteQueryOptions({
    queryKey: ["assignments", "progress", projectId],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/projects/{project_id}/progress", {
          params: { path: { project_id: projectId }, query: { limit: 50, ...cursor(pageParam) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

/** What there is to review for an adjudicator. Begins with "assignments": a reading that is submitted may complete an image. */
export const reviewsQuery = (projectId: string) =>
  infiniteQueryOptions({
    queryKey: ["assignments", "reviews", projectId],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/projects/{project_id}/reviews", {
          params: { path: { project_id: projectId }, query: { limit: 50, ...cursor(pageParam) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

/** What its DICOM header tells of how an image was made. */
export const imageTagsQuery = (imageId: string) =>
  queryOptions({
    queryKey: ["image-tags", imageId],
    queryFn: () => body(api.GET("/api/v1/images/{image_id}/tags", { params: { path: { image_id: imageId } } })),
  });

export const modelsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["models", projectId],
    queryFn: () => body(api.GET("/api/v1/models", { params: { query: { project_id: projectId } } })),
  });

export const stylesQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["styles", projectId],
    queryFn: () => body(api.GET("/api/v1/styles", { params: { query: { project_id: projectId, limit: whole } } })),
  });

/** One expert's newest styles: enough to find the one an event speaks of. */
export const stylesOfExpert = (projectId: string, expertId: string) =>
  body(api.GET("/api/v1/styles", { params: { query: { project_id: projectId, expert_id: expertId, limit: 50 } } }));

/** How each style grew with its expert's annotations; goal in Dice points. Begins with "styles": a new style is a new point. */
export const learningCurvesQuery = (projectId: string, goal: number) =>
  queryOptions({
    queryKey: ["styles", projectId, "curves", goal],
    queryFn: () => body(api.GET("/api/v1/learning-curves", { params: { query: { project_id: projectId, goal } } })),
    placeholderData: keepPreviousData,
  });

/** What each next personalisation waits for. Begins with "assignments": a submission changes it, and so does a new style. */
export const nextPersonalisationsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["assignments", projectId, "next-personalisations"],
    queryFn: () => body(api.GET("/api/v1/next-personalisations", { params: { query: { project_id: projectId } } })),
  });

/** What learnt from readings withdrawn since. Begins with "assignments": a withdrawal changes it, and so does a new style. */
export const withdrawnLineageQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["assignments", projectId, "withdrawn-lineage"],
    queryFn: () => body(api.GET("/api/v1/withdrawn-lineage", { params: { query: { project_id: projectId } } })),
  });

/** How each stream of finished cases went. Begins with "jobs": it grows when one of them ends. */
export const streamsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["jobs", projectId, "streams"],
    queryFn: () => body(api.GET("/api/v1/streams", { params: { query: { project_id: projectId } } })),
  });

/** The newest evaluation. Begins with "jobs": it changes when one of them ends. */
export const evaluationQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["jobs", projectId, "evaluation"],
    queryFn: () => body(api.GET("/api/v1/evaluations", { params: { query: { project_id: projectId } } })),
  });

export const styleReadingsQuery = (styleId: string) =>
  queryOptions({
    queryKey: ["styles", styleId, "readings"],
    queryFn: () => body(api.GET("/api/v1/styles/{style_id}/readings", { params: { path: { style_id: styleId } } })),
  });

export type JobFilter = { projectId: string | null; state: JobOut["state"] | null };

export const jobsQuery = ({ projectId, state }: JobFilter) =>
  infiniteQueryOptions({
    queryKey: ["jobs", projectId, state],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/jobs", {
          params: {
            query: {
              limit: 30,
              ...(projectId && { project_id: projectId }),
              ...(state && { state }),
              ...cursor(pageParam),
            },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

export const jobQuery = (jobId: string) =>
  queryOptions({
    queryKey: ["job", jobId],
    queryFn: () => body(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
  });

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: () => body(api.GET("/api/v1/users", { params: { query: { limit: whole } } })),
});

export const expertsQuery = queryOptions({
  queryKey: ["experts"],
  queryFn: () => body(api.GET("/api/v1/experts")),
});

export const tokensQuery = queryOptions({
  queryKey: ["tokens", "mine"],
  queryFn: () => body(api.GET("/api/v1/tokens")),
});

export const userSessionsQuery = (userId: string) =>
  queryOptions({
    queryKey: ["user-sessions", userId],
    queryFn: () => body(api.GET("/api/v1/users/{user_id}/sessions", { params: { path: { user_id: userId } } })),
  });

export const userTokensQuery = (userId: string) =>
  queryOptions({
    queryKey: ["tokens", userId],
    queryFn: () => body(api.GET("/api/v1/users/{user_id}/tokens", { params: { path: { user_id: userId } } })),
  });

/** The jobs that failed last, with their causes. */
export const failedJobsQuery = queryOptions({
  queryKey: ["jobs", "failed"],
  queryFn: () => body(api.GET("/api/v1/jobs", { params: { query: { state: "failed", limit: 10 } } })),
});

export const systemQuery = queryOptions({
  queryKey: ["system"],
  queryFn: () => body(api.GET("/api/v1/system")),
  refetchInterval: 5000,
});

/** What can work now. `/readyz` answers 503 with the same members while something is missing. */
export const readyQuery = queryOptions({
  queryKey: ["readyz"],
  queryFn: async (): Promise<Record<string, boolean>> => {
    const response = await fetch("/readyz", { cache: "no-store" });
    const answer: unknown = await response.json().catch(() => null);
    const members = typeof answer === "object" && answer !== null ? Object.entries(answer) : [];
    const checks = members.filter((entry): entry is [string, boolean] => typeof entry[1] === "boolean");
    return { answers: true, ...Object.fromEntries(checks) };
  },
  refetchInterval: 5000,
});

function cursor(pageParam: string | null): { cursor?: string } {
  return pageParam ? { cursor: pageParam } : {};
}
