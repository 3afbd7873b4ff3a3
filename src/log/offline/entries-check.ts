import { entriesOf, type FileEntry } from "./entry-stream.ts";
import { type Finding, missingIndex } from "./finding.ts";
import { type ReadDisk, sizeOf } from "./start-view.ts";

/** Checks an index against its segment's batches as these go by: every entry must say what is true of one of them, in their
 * order. Not every batch needs an entry. */
export class EntriesCheck<E> {
  readonly #path: string;
  readonly #entries: Iterator<FileEntry>;
  readonly #read: (entry: FileEntry) => E;
  #next: { readonly entry: E; readonly position: number } | undefined;
  readonly #problems: Finding[] = [];

  constructor(disk: ReadDisk, path: string, entryBytes: number, read: (entry: FileEntry) => E) {
    this.#path = path;
    this.#read = read;
    this.#checkFile(disk, entryBytes);
    this.#entries = disk.exists(path) ? entriesOf(disk, path, entryBytes) : [].values();
    this.#advance();
  }

  /** Uses up the next entry if it says what is true of a batch. */
  see(isTrue: (entry: E) => boolean): void {
    if (this.#next && isTrue(this.#next.entry)) this.#advance();
  }

  /** To be called behind the last batch. */
  finish(): readonly Finding[] {
    if (this.#next) this.#complain("an entry that no batch bears out", this.#next.position);
    this.#entries.return?.();
    return this.#problems;
  }

  #advance(): void {
    const { value, done } = this.#entries.next();
    this.#next = done || !value ? undefined : { entry: this.#read(value), position: value.position };
  }

  #checkFile(disk: ReadDisk, entryBytes: number): void {
    if (!disk.exists(this.#path)) {
      this.#problems.push(missingIndex(this.#path));
      return;
    }
    const sizeBytes = sizeOf(disk, this.#path);
    const left = sizeBytes % entryBytes;
    if (left > 0) this.#complain(`${left} bytes are no whole entry`, sizeBytes - left);
  }

  #complain(problem: string, position: number): void {
    this.#problems.push({ path: this.#path, position, problem, isDamage: true });
  }
}
