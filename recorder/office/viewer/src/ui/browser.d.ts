/** What some browsers have and TypeScript's own list does not: pickers (File System Access), and where they are missing. */
interface DataTransferItem {
  readonly getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

interface Window {
  readonly showDirectoryPicker: (options?: { mode?: "read" | "readwrite" }) => Promise<FileSystemDirectoryHandle>;
}
