/** Folders and files that a person picks or drops, as the core takes them. */
import type { KnownTexts, PickedFile } from "../model.ts";

/** What lies in the office's folder of keys, as far as we need it. */
export interface KeyFiles {
  readonly identity: File | null;
  readonly authority: File | null;
  readonly register: File | null;
  readonly known: Readonly<Record<keyof KnownTexts, File | null>>;
}

export const NO_KEYS: KeyFiles = {
  identity: null,
  authority: null,
  register: null,
  known: { recorders: null, heads: null, recipients: null, authority: null },
};

/** The files of an `<input webkitdirectory>`, or of a plain one. */
export function pickedOf(files: FileList | null): PickedFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * The files of what was dropped, folders walked through. Call it within the event. By handles where the browser has them:
 * Chrome's older way gives a page that is a file nothing (EncodingError).
 */
export async function droppedOf(items: DataTransferItemList): Promise<PickedFile[]> {
  const files = [...items].filter((item) => item.kind === "file");
  if (files.every((item) => item.getAsFileSystemHandle !== undefined)) {
    const handles = await Promise.all(files.map((item) => item.getAsFileSystemHandle?.()));
    return (await Promise.all(handles.map((handle) => (handle ? within(handle, "") : [])))).flat();
  }
  const entries = files.map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

/** Of the files directly in the picked folder, those with the names that keygen and enrol give. */
export function keyFilesOf(picked: readonly PickedFile[]): KeyFiles {
  const named = (name: string): File | null => {
    const found = picked.find(({ path }) => path.split("/").length <= 2 && path.split("/").at(-1) === name);
    return found === undefined ? null : (found.file as File);
  };
  return {
    identity: named("identity.txt") ?? (picked.length === 1 ? (picked[0]?.file as File) : null),
    authority: named("authority.key"),
    register: named("register.jsonl"),
    known: {
      recorders: named("recorders.toml"),
      heads: named("ledger-heads.json"),
      recipients: named("recipient.txt"),
      authority: named("authority.pub"),
    },
  };
}

/** Their texts. */
export async function knownOf(keys: KeyFiles): Promise<KnownTexts> {
  const { recorders, heads, recipients, authority } = keys.known;
  const [recordersText, headsText, recipientsText, authorityText] = await Promise.all(
    [recorders, heads, recipients, authority].map((file) => file?.text()),
  );
  return { recorders: recordersText, heads: headsText, recipients: recipientsText, authority: authorityText };
}

async function within(handle: FileSystemHandle, folder: string): Promise<PickedFile[]> {
  const path = folder ? `${folder}/${handle.name}` : handle.name;
  if (handle.kind === "file") return [{ path, file: await (handle as FileSystemFileHandle).getFile() }];
  const found: PickedFile[] = [];
  for await (const child of (handle as FileSystemDirectoryHandle).values()) found.push(...(await within(child, path)));
  return found;
}

async function walk(entry: FileSystemEntry, folder: string): Promise<PickedFile[]> {
  const path = folder ? `${folder}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: PickedFile[] = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const child of some) found.push(...(await walk(child, path)));
  }
}
