/** Every change the pages ask for. Each resolves with the server's answer or throws an `ApiProblem`. */
import { api, body, postFile } from "./client";
import type { OutgoingEdit, Position } from "./outbox";
import type {
  AssignmentOut,
  EditOut,
  ExpertOut,
  JobIn,
  LabelOut,
  MemberOut,
  PolicyOut,
  PreferencesOut,
  PromptIn,
  PropagationOut,
  RevisionOut,
  TokenOut,
  UserOut,
} from "./wire";

type Checksum = { z: number; crc32: number };

// --- accounts -------------------------------------------------------------------------------------------------------

export const signIn = (name: string, password: string) =>
  body(api.POST("/api/v1/session", { body: { name, password } }));

export const getSession = () => body(api.GET("/api/v1/session"));

/** End the session; the server has the browser forget everything, but for other people's unsent strokes when asked. */
export const signOut = (keepStorage: boolean) =>
  body(api.DELETE("/api/v1/session", { params: { query: { keep_storage: keepStorage } } }));

/** Tells the server that somebody was at work, so many seconds ago, though nothing needed it. */
export const noteGesture = (secondsAgo: number) =>
  body(api.POST("/api/v1/session/gestures", { body: { seconds_ago: secondsAgo } }));

export const lookAtLink = (secret: string) => body(api.POST("/api/v1/one-time-links/look", { body: { secret } }));

export const redeemLink = (secret: string, password: string) =>
  body(api.POST("/api/v1/one-time-links/redeem", { body: { secret, password } }));

export const createUser = (user: { name: string; display_name: string; role: UserOut["role"] }) =>
  body(api.POST("/api/v1/users", { body: user }));

export const updateUser = (
  userId: string,
  change: { display_name?: string; role?: UserOut["role"]; locked?: boolean },
) => body(api.PATCH("/api/v1/users/{user_id}", { params: { path: { user_id: userId } }, body: change }));

export const createLink = (userId: string) =>
  body(api.POST("/api/v1/users/{user_id}/one-time-links", { params: { path: { user_id: userId } } }));

export const changePassword = (present: string, chosen: string) =>
  body(api.PUT("/api/v1/account/password", { body: { present, new: chosen } }));

export const updatePreferences = (change: Partial<PreferencesOut>) =>
  body(api.PATCH("/api/v1/account/preferences", { body: change }));

export const createToken = (name: string, scopes: TokenOut["scopes"], days: number) =>
  body(api.POST("/api/v1/tokens", { body: { name, scopes, days } }));

export const revokeToken = (tokenId: string) =>
  body(api.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: tokenId } } }));

export const endSession = (userId: string, sessionId: string) =>
  body(
    api.DELETE("/api/v1/users/{user_id}/sessions/{session_id}", {
      params: { path: { user_id: userId, session_id: sessionId } },
    }),
  );

/** Reads the whole audit on the server; takes as long as the audit is. */
export const checkAudit = () => body(api.GET("/api/v1/system/audit"));

export const createExpert = (expert: { name: string; description: string; user_id: string | null }) =>
  body(api.POST("/api/v1/experts", { body: expert }));

export const updateExpert = (expertId: string, change: Partial<Pick<ExpertOut, "name" | "description" | "user_id">>) =>
  body(api.PATCH("/api/v1/experts/{expert_id}", { params: { path: { expert_id: expertId } }, body: change }));

// --- projects -------------------------------------------------------------------------------------------------------

const project = (projectId: string) => ({ path: { project_id: projectId } });

export const createProject = (name: string, description: string) =>
  body(api.POST("/api/v1/projects", { body: { name, description } }));

export const updateProject = (projectId: string, change: { name?: string; description?: string; policy?: PolicyOut }) =>
  body(api.PATCH("/api/v1/projects/{project_id}", { params: project(projectId), body: change }));

export const setLabels = (projectId: string, labels: LabelOut[]) =>
  body(api.PUT("/api/v1/projects/{project_id}/labels", { params: project(projectId), body: { labels } }));

export const addMember = (projectId: string, userId: string, role: MemberOut["role"]) =>
  body(
    api.POST("/api/v1/projects/{project_id}/members", { params: project(projectId), body: { user_id: userId, role } }),
  );

export const removeMember = (projectId: string, userId: string) =>
  body(
    api.DELETE("/api/v1/projects/{project_id}/members/{user_id}", {
      params: { path: { project_id: projectId, user_id: userId } },
    }),
  );

/** With `assign`, the expert gets a read of every image of the project at once. */
export const addProjectExpert = (projectId: string, expertId: string, assign: boolean) =>
  body(
    api.POST("/api/v1/projects/{project_id}/experts", {
      params: project(projectId),
      body: { expert_id: expertId, assign },
    }),
  );

export const addProjectImages = (projectId: string, imageIds: string[]) =>
  body(api.POST("/api/v1/projects/{project_id}/images", { params: project(projectId), body: { image_ids: imageIds } }));

export const removeProjectImage = (projectId: string, imageId: string) =>
  body(
    api.DELETE("/api/v1/projects/{project_id}/images/{image_id}", {
      params: { path: { project_id: projectId, image_id: imageId } },
    }),
  );

/** Ask experts of the project to read these images, or all of them (null). */
export const createAssignments = (projectId: string, imageIds: string[] | null, expertIds: string[]) =>
  body(
    api.POST("/api/v1/assignments", {
      body: { project_id: projectId, image_ids: imageIds, expert_ids: expertIds },
    }),
  );

/** No longer ask these experts to read these images, or all of them (null); what they drew stays. submitted: what is submitted as well. */
export const withdrawReads = (
  projectId: string,
  imageIds: string[] | null,
  expertIds: string[],
  reason: string,
  submitted = false,
) =>
  body(
    api.POST("/api/v1/assignments/withdrawals", {
      body: { project_id: projectId, image_ids: imageIds, expert_ids: expertIds, reason, submitted },
    }),
  );

export const removeProjectExpert = (projectId: string, expertId: string, reason: string) =>
  body(
    api.DELETE("/api/v1/projects/{project_id}/experts/{expert_id}", {
      params: { path: { project_id: projectId, expert_id: expertId }, query: { reason } },
    }),
  );

export const getProject = (projectId: string) =>
  body(api.GET("/api/v1/projects/{project_id}", { params: project(projectId) }));

// --- reads ----------------------------------------------------------------------------------------------------------

export const getAssignment = (assignmentId: string) =>
  body(api.GET("/api/v1/assignments/{assignment_id}", { params: { path: { assignment_id: assignmentId } } }));

/** My own read of an image, or null when I am not asked to read it; found by the image's name, told apart by its id. */
export async function findOwnAssignment(
  projectId: string,
  imageId: string,
  imageName: string,
): Promise<AssignmentOut | null> {
  const page = await body(
    api.GET("/api/v1/assignments", {
      params: { query: { project_id: projectId, name: imageName.slice(0, 200), limit: 500 } },
    }),
  );
  return page.items.find((one) => one.image_id === imageId) ?? null;
}

export const openAssignment = (assignmentId: string) =>
  body(api.POST("/api/v1/assignments/{assignment_id}/open", { params: { path: { assignment_id: assignmentId } } }));

/** The next read that is mine and not submitted, after the given one; null when all are done. */
export const nextAssignment = (after: string | null, projectId: string | null): Promise<AssignmentOut | null> =>
  body(
    api.GET("/api/v1/assignments/next", {
      params: { query: { ...(after && { after }), ...(projectId && { project_id: projectId }) } },
    }),
  );

export const getImage = (imageId: string) =>
  body(api.GET("/api/v1/images/{image_id}", { params: { path: { image_id: imageId } } }));

/** The readings of an image this caller may see; blinding is the server's work. */
export const listSegmentations = (imageId: string, projectId: string) =>
  body(api.GET("/api/v1/segmentations", { params: { query: { image_id: imageId, project_id: projectId } } }));

const segmentation = (segmentationId: string) => ({ path: { segmentation_id: segmentationId } });

export const getSegmentation = (segmentationId: string) =>
  body(api.GET("/api/v1/segmentations/{segmentation_id}", { params: segmentation(segmentationId) }));

/** All revisions of a segmentation, oldest first. */
export async function listRevisions(segmentationId: string): Promise<RevisionOut[]> {
  const revisions: RevisionOut[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: { items: RevisionOut[]; next_cursor: string | null } = await body(
      api.GET("/api/v1/segmentations/{segmentation_id}/revisions", {
        params: { ...segmentation(segmentationId), query: { limit: 200, ...(cursor && { cursor }) } },
      }),
    );
    revisions.push(...page.items);
    cursor = page.next_cursor;
  }
  return revisions;
}

/** All edits of a segmentation after `seq`, oldest first. */
export async function listEdits(segmentationId: string, after: number): Promise<EditOut[]> {
  const edits: EditOut[] = [];
  for (let from: number | null = after; from !== null; ) {
    const page: { items: EditOut[]; next_after: number | null } = await body(
      api.GET("/api/v1/segmentations/{segmentation_id}/edits", {
        params: { ...segmentation(segmentationId), query: { after: from } },
      }),
    );
    edits.push(...page.items);
    from = page.next_after;
  }
  return edits;
}

/** Begin the review of an image, or go on with it. */
export const openReview = (projectId: string, imageId: string) =>
  body(
    api.POST("/api/v1/projects/{project_id}/images/{image_id}/review", {
      params: { path: { project_id: projectId, image_id: imageId } },
    }),
  );

/** Begin one's review anew from the readings as they are submitted now. */
export const beginReviewAnew = (segmentationId: string, etag: string) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/review-rounds", {
      params: { ...segmentation(segmentationId), header: { "if-match": etag } },
    }),
  );

/** Has the drawn slices carried through the volume, across one voxel axis. */
export const startPropagation = (segmentationId: string, axis: PropagationOut["axis"]) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/propagations", {
      params: { path: { segmentation_id: segmentationId } },
      body: { axis, strategy: "fixed_interval" },
    }),
  );

/** The newest propagation of a reading, null before the first. */
export const newestPropagation = async (segmentationId: string): Promise<PropagationOut | null> => {
  const path = { segmentation_id: segmentationId };
  const { items } = await body(api.GET("/api/v1/segmentations/{segmentation_id}/propagations", { params: { path } }));
  return items[0] ?? null;
};

export const sendPrompt = (segmentationId: string, prompt: PromptIn) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/prompts", { params: segmentation(segmentationId), body: prompt }),
  );

/** The open round of prompts and where its answer stands. */
export const listOpenPrompts = (segmentationId: string) =>
  body(
    api.GET("/api/v1/segmentations/{segmentation_id}/prompts", {
      params: { ...segmentation(segmentationId), query: { only_open: true } },
    }),
  );

/** Ask for several opinions on one's own draft; answers with where they stand. Nothing is computed twice. */
/** `ahead`: nobody waits for them yet, so whatever somebody waits for goes first. */
export const askOpinions = (segmentationId: string, ahead = false) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/opinions", {
      params: { ...segmentation(segmentationId), query: { ahead } },
    }),
  );

export const loadOpinions = (segmentationId: string) =>
  body(api.GET("/api/v1/segmentations/{segmentation_id}/opinions", { params: segmentation(segmentationId) }));

/** Take the newest prompt back, or with null the whole open round; answers with what stands then. */
export const withdrawPrompt = (segmentationId: string, promptId: string | null) =>
  promptId === null
    ? body(api.DELETE("/api/v1/segmentations/{segmentation_id}/prompts", { params: segmentation(segmentationId) }))
    : body(
        api.DELETE("/api/v1/segmentations/{segmentation_id}/prompts/{prompt_id}", {
          params: { path: { segmentation_id: segmentationId, prompt_id: promptId } },
        }),
      );

/** Send one gesture. The same `editId` twice is kept once (the server looks it up before it judges the ETag). */
export const appendEdit = (segmentationId: string, edit: OutgoingEdit, position: Position) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/edits", {
      params: { ...segmentation(segmentationId), header: { "if-match": position.etag } },
      body: {
        base_revision_id: position.baseRevisionId,
        edit_id: edit.editId,
        tool: edit.tool,
        runs: edit.runs,
        ...(edit.sourceRevisionId && { source_revision_id: edit.sourceRevisionId }),
        ...(edit.undoes && { undoes: edit.undoes }),
        checksums: (edit.checksums ?? []).map(({ z, crc32 }) => ({ z, crc32 })),
      },
    }),
  );

/** Sign a reading as finished. The server refuses where its slices differ from the checksums given. */
export const submitSegmentation = (segmentationId: string, etag: string, checksums: readonly Checksum[]) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/submit", {
      params: { ...segmentation(segmentationId), header: { "if-match": etag } },
      body: { checksums: checksums.map(({ z, crc32 }) => ({ z, crc32 })) },
    }),
  );

/**
 * Keep the map this browser holds as a revision of its own. `key` makes a repeat after a lost answer safe.
 * `sources`: revisions that strokes not sent otherwise were taken from.
 */
export const forkSegmentation = (
  segmentationId: string,
  etag: string,
  runs: string,
  sources: readonly string[],
  key: string,
) =>
  body(
    api.POST("/api/v1/segmentations/{segmentation_id}/forks", {
      params: { ...segmentation(segmentationId), header: { "if-match": etag, "idempotency-key": key } },
      body: { runs, source_revision_ids: [...sources] },
    }),
  );

export const reopenSegmentation = (segmentationId: string) =>
  body(api.POST("/api/v1/segmentations/{segmentation_id}/reopen", { params: segmentation(segmentationId) }));

// --- models and jobs ------------------------------------------------------------------------------------------------

export const promoteStyle = (styleId: string, reason: string) =>
  body(api.POST("/api/v1/styles/{style_id}/promote", { params: { path: { style_id: styleId } }, body: { reason } }));

export const importStyle = (projectId: string, expertId: string, file: Blob) =>
  postFile(`/projects/${projectId}/experts/${expertId}/styles`, file);

export const promoteModel = (modelId: string, reason: string) =>
  body(api.POST("/api/v1/models/{model_id}/promote", { params: { path: { model_id: modelId } }, body: { reason } }));

export const createPrediction = (imageId: string, projectId: string, expertId: string) =>
  body(
    api.POST("/api/v1/images/{image_id}/predictions", {
      params: { path: { image_id: imageId } },
      body: { project_id: projectId, expert_id: expertId },
    }),
  );

export const createJob = (job: JobIn) => body(api.POST("/api/v1/jobs", { body: job }));

export const cancelJob = (jobId: string) =>
  body(api.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: jobId } } }));

export const listJobMetrics = (jobId: string, after: number) =>
  body(api.GET("/api/v1/jobs/{job_id}/metrics", { params: { path: { job_id: jobId }, query: { after } } }));

// --- imports --------------------------------------------------------------------------------------------------------

export const createImport = (projectId: string, experts: boolean) =>
  body(api.POST("/api/v1/imports", { body: { project_id: projectId, experts } }));

/** Have what arrived looked at; the job's result tells what an import would keep. */
export const inspectImport = (importId: string) =>
  body(api.POST("/api/v1/imports/{import_id}/inspection", { params: { path: { import_id: importId } } }));

export const commitImport = (importId: string) =>
  body(api.POST("/api/v1/imports/{import_id}/commit", { params: { path: { import_id: importId } } }));
