/**
 * What was dropped, as a flat list of files with the paths they had below the dropped root. Folders are walked.
 *
 * Hidden files and system litter are left out and counted, everything else goes to the server: it alone decides what a
 * file is, and gives each a verdict.
 */

export type Chosen = { path: string; file: File };
export type Collected = { chosen: Chosen[]; leftOut: number };

const litter = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|__MACOSX\/.*)$/i;

/** From an `<input type="file">`, with `webkitdirectory` or without. */
export function collectFromInput(files: FileList): Collected {
  return withoutLitter([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** From a drop. Must be called during the event: the item list is emptied when it ends. */
export async function collectFromDrop(transfer: DataTransfer): Promise<Collected> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return collectFromInput(transfer.files);
  const nested = await Promise.all(entries.map((entry) => walk(entry, "")));
  return withoutLitter(nested.flat());
}

function withoutLitter(all: Chosen[]): Collected {
  const chosen = all.filter(({ path }) => !litter.test(path));
  return { chosen, leftOut: all.length - chosen.length };
}

async function walk(entry: FileSystemEntry, above: string): Promise<Chosen[]> {
  const path = above + entry.name;
  if (isFile(entry)) return [{ path, file: await fileOf(entry) }];
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const found: Chosen[] = [];
  // readEntries gives at most 100 at a time and an empty list at the end.
  for (let batch = await readBatch(reader); batch.length > 0; batch = await readBatch(reader))
    found.push(...(await Promise.all(batch.map((child) => walk(child, `${path}/`)))).flat());
  return found;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function readBatch(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
