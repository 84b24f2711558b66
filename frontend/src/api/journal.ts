/**
 * The crash journal: edits the server has not acknowledged yet, encrypted in this browser.
 *
 * Unusual: the key is the server's. It is handed out after each sign-in, per user and browser, imported so that nothing
 * can read it back, and held in memory only; so a stolen browser profile is noise, and the same person signed in again
 * has their strokes back. Plain are opaque ids and the order; everything else of an entry is AES-GCM, bound to its owner
 * and segmentation. Several tabs may replay the same entries: the server keeps each `edit_id` once.
 * Fails open, in words: where a browser cannot encrypt or store (plain HTTP to a host name), drawing goes on and the
 * page says that unsent strokes do not survive a crash.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { api, body } from "./client";
import { type EditKeeper, keepsNothing, type OutgoingEdit } from "./outbox";

const databaseName = "consilium-journal";
/** Each write is on the browser's own timeline under this name; `benchmarks/strokes.py` reads it. */
const journalWrite = "journal-write";

type Entry = {
  owner: string;
  segmentation: string;
  edit: string;
  iv: Uint8Array<ArrayBuffer>;
  sealed: ArrayBuffer;
};

interface Schema extends DBSchema {
  entries: { key: number; value: Entry; indexes: { place: [string, string]; edit: [string, string] } };
  /** One row: this browser's own random number. */
  browser: { key: string; value: string };
}

type Access = { browserId: string; key: CryptoKey };

let current: Promise<Journal | null> | null = null;

/** This person's journal, opened when first asked for; null where this browser cannot keep one. Rejects with an ApiProblem when the key cannot be had. */
export function openedJournal(): Promise<Journal | null> {
  current ??= Journal.open().catch((problem: unknown) => {
    current = null;
    throw problem;
  });
  return current;
}

/** After another sign-in: the key may be a new one. */
export function renewJournal(): void {
  const before = current;
  current = null;
  if (!before) return;
  const renewed = before.then(async (journal) => {
    await journal?.renew();
    return journal;
  });
  current = renewed.catch((problem: unknown) => {
    current = null;
    throw problem;
  });
}

/** Whether this browser can keep a journal here at all. */
export function canKeepJournal(): boolean {
  return globalThis.crypto?.subtle !== undefined && globalThis.indexedDB !== undefined;
}

export class Journal {
  #database: IDBPDatabase<Schema> | null = null;

  private constructor(
    private readonly owner: string,
    private access: Access,
  ) {}

  static async open(): Promise<Journal | null> {
    if (!canKeepJournal()) return null;
    const { user } = await body(api.GET("/api/v1/session"));
    return new Journal(user.id, await askAccess());
  }

  /** Somebody signed in again: another tab's sign-out may have had the server forget the key. */
  async renew(): Promise<void> {
    this.access = await askAccess();
  }

  /** Keep an edit; resolves when it survives a crash of the browser. */
  async append(segmentationId: string, edit: OutgoingEdit): Promise<void> {
    const start = performance.now();
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify({ ...edit, checksums: null }));
    const additionalData = this.#bind(segmentationId, edit.editId);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, this.access.key, plain);
    const database = await this.#use();
    await database.add("entries", { owner: this.owner, segmentation: segmentationId, edit: edit.editId, iv, sealed });
    performance.measure(journalWrite, { start });
  }

  async remove(editId: string): Promise<void> {
    const transaction = (await this.#use()).transaction("entries", "readwrite");
    for (const n of await transaction.store.index("edit").getAllKeys([this.owner, editId]))
      await transaction.store.delete(n);
    await transaction.done;
  }

  /** My edits of one segmentation that wait, oldest first. Entries under a key the server has forgotten are noise and go. */
  async list(segmentationId: string): Promise<{ edits: OutgoingEdit[]; unreadable: number }> {
    const entries = await (await this.#use()).getAllFromIndex("entries", "place", [this.owner, segmentationId]);
    const edits: OutgoingEdit[] = [];
    let unreadable = 0;
    for (const { edit, iv, sealed } of entries) {
      const additionalData = this.#bind(segmentationId, edit);
      try {
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, this.access.key, sealed);
        edits.push(JSON.parse(new TextDecoder().decode(plain)) as OutgoingEdit);
      } catch {
        unreadable += 1;
        await this.remove(edit);
      }
    }
    return { edits, unreadable };
  }

  /** Segmentations with edits of mine that wait. */
  async segmentations(): Promise<string[]> {
    const all = await (await this.#use()).getAll("entries");
    return [...new Set(all.filter((entry) => entry.owner === this.owner).map((entry) => entry.segmentation))];
  }

  /** How many edits wait in this browser, in all its tabs: mine, and other people's. */
  async count(): Promise<{ mine: number; others: number }> {
    const all = await (await this.#use()).getAll("entries");
    const mine = all.filter((entry) => entry.owner === this.owner).length;
    return { mine, others: all.length - mine };
  }

  /** Forget everything of mine, here and on the server: what waited can never be read again. */
  async wipe(): Promise<void> {
    const transaction = (await this.#use()).transaction("entries", "readwrite");
    for (let cursor = await transaction.store.openCursor(); cursor; cursor = await cursor.continue())
      if (cursor.value.owner === this.owner) await cursor.delete();
    await transaction.done;
    const path = { browser_id: this.access.browserId };
    await body(api.DELETE("/api/v1/session/journal-keys/{browser_id}", { params: { path } }));
    this.#lose();
    current = null;
  }

  /** What keeps the edits of one segmentation; `onProblem` is told, once, when the browser cannot store. */
  keeperOf(segmentationId: string, onProblem: (problem: unknown) => void): EditKeeper {
    let isTold = false;
    const tell = (problem: unknown) => {
      if (!isTold) onProblem(problem);
      isTold = true;
    };
    return {
      keep: (edit) => this.append(segmentationId, edit).catch(tell),
      forget: (editId) => this.remove(editId).catch(tell),
    };
  }

  #bind(segmentationId: string, editId: string): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(`${this.owner} ${segmentationId} ${editId}`);
  }

  /** Another tab signed out and cleared the browser, or the browser closed the database: opened again when next needed. */
  #lose(): void {
    this.#database?.close();
    this.#database = null;
  }

  async #use(): Promise<IDBPDatabase<Schema>> {
    this.#database ??= await openDatabase(() => this.#lose());
    return this.#database;
  }
}

/** The keeper for a segmentation: the journal's, or nobody where there is none. */
export function keeperFor(
  journal: Journal | null,
  segmentationId: string,
  onProblem: (problem: unknown) => void,
): EditKeeper {
  return journal?.keeperOf(segmentationId, onProblem) ?? keepsNothing;
}

function openDatabase(onLost: () => void): Promise<IDBPDatabase<Schema>> {
  return openDB<Schema>(databaseName, 1, {
    upgrade(database) {
      const entries = database.createObjectStore("entries", { autoIncrement: true });
      entries.createIndex("place", ["owner", "segmentation"]);
      entries.createIndex("edit", ["owner", "edit"]);
      database.createObjectStore("browser");
    },
    blocking: onLost,
    terminated: onLost,
  });
}

/** This browser's number, and what the server encrypts its journal with. */
async function askAccess(): Promise<Access> {
  const database = await openDatabase(() => undefined);
  const browserId = await nameBrowser(database);
  database.close();
  const path = { browser_id: browserId };
  const { key } = await body(api.PUT("/api/v1/session/journal-keys/{browser_id}", { params: { path } }));
  return { browserId, key: await importKey(key) };
}

/** The browser's own number, made once. Two tabs that start together agree, because one transaction looks and writes. */
async function nameBrowser(database: IDBPDatabase<Schema>): Promise<string> {
  const transaction = database.transaction("browser", "readwrite");
  const known = await transaction.store.get("id");
  const id = known ?? crypto.randomUUID();
  if (!known) await transaction.store.put(id, "id");
  await transaction.done;
  return id;
}

function importKey(base64: string): Promise<CryptoKey> {
  const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}
