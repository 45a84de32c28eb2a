// The error for workers that all end soon after their start, so that starting more of them is pointless.

export class CrashLoop extends Error {
  constructor(count: number, last: string) {
    super(
      `${count} workers in a row ended within a minute of their start, the last one by ${last}: there is no use in starting more; the lines of the log before this one say why they ended, and 'workers: 1' runs without them`,
    );
  }
}
