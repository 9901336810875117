// Runs of one backend do not overlap, as they share its arena, its threads and its staging memory: here is who holds them to it. A run
// that overlapped would read another one's values, or launches that are freed.

/** Wraps whatever runs on one backend: what begins while another is under way is refused. */
export function refuseOverlap(): <T>(run: () => Promise<T>) => Promise<T> {
  let underWay = false;
  return async run => {
    if (underWay) throw new Error("a run of this backend is under way; await it before the next");
    underWay = true;
    try {
      return await run();
    } finally {
      underWay = false;
    }
  };
}
