// Logs at intervals what a draining process still waits for.

import { shownPath } from '../calls/shown-path.ts';
import { counted } from '../config/counted.ts';
import type { Logger } from '../observability/logger.ts';

const EVERY_MS = 5000;

interface DrainingCall {
  readonly subject: { readonly method: string };
  readonly durationMs: number;
}

export class DrainProgress {
  readonly #timer: NodeJS.Timeout;

  constructor(logger: Logger, calls: () => readonly DrainingCall[], everyMs: number = EVERY_MS) {
    this.#timer = setInterval(() => {
      const running = calls();
      if (running.length > 0) logger.info({ calls: running.length }, describeProgress(running));
    }, everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** For example 'draining: 12 calls left, oldest 48 s, /voice.VoiceAssistant/StreamAudio'. `calls` must not be empty. */
export function describeProgress(calls: readonly DrainingCall[]): string {
  const [first] = calls;
  const oldest = calls.reduce((older, call) => (call.durationMs > older.durationMs ? call : older), first);
  const path = shownPath(oldest.subject.method).slice(0, 256);
  return `draining: ${counted(calls.length, 'call')} left, oldest ${Math.floor(oldest.durationMs / 1000)} s, ${path}`;
}
