const PAGE_BYTES = 64 * 1024;

/** Bytes in memory that grow at the end without being moved as a whole. What was never written is zero. Pure. */
export class PagedBytes {
  #size = 0;
  /** All of PAGE_BYTES, but for the last one, which may be smaller. Zero behind `#size`. */
  readonly #pages: Buffer[] = [];

  get size(): number {
    return this.#size;
  }

  /** Copies up to `length` bytes from `position` on; returns how many. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#size);
    for (let at = position; at < end; ) {
      const piece = this.#piece(at, end);
      target.set(piece, targetOffset + at - position);
      at += piece.length;
    }
    return Math.max(0, end - position);
  }

  /** A copy of the bytes within [from, to) that are there. */
  slice(from: number, to: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(to, this.#size) - from));
    this.read(bytes, 0, bytes.length, from);
    return bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#size) this.resize(end);
    for (let at = position; at < end; ) {
      const piece = this.#piece(at, end);
      piece.set(bytes.subarray(at - position, at - position + piece.length));
      at += piece.length;
    }
  }

  resize(size: number): void {
    const pageCount = Math.ceil(size / PAGE_BYTES);
    if (size < this.#size) {
      this.#pages.length = pageCount;
      this.#pages.at(-1)?.fill(0, size - (pageCount - 1) * PAGE_BYTES);
    } else {
      while (this.#pages.length < pageCount) {
        this.#growLastPage(PAGE_BYTES);
        this.#pages.push(Buffer.alloc(0));
      }
      this.#growLastPage(size - (pageCount - 1) * PAGE_BYTES);
    }
    this.#size = size;
  }

  #growLastPage(neededBytes: number): void {
    const page = this.#pages.pop();
    if (!page) return;
    if (page.length >= neededBytes) {
      this.#pages.push(page);
      return;
    }
    const grown = Buffer.alloc(Math.min(Math.max(neededBytes, page.length * 2), PAGE_BYTES));
    page.copy(grown);
    this.#pages.push(grown);
  }

  /** The bytes from `from` on that lie in one page, at most up to `end`. */
  #piece(from: number, end: number): Buffer {
    const start = from % PAGE_BYTES;
    const page = this.#pages[Math.floor(from / PAGE_BYTES)] as Buffer;
    return page.subarray(start, Math.min(PAGE_BYTES, start + end - from));
  }
}
