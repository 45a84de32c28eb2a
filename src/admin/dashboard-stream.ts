// Answers GET /api/dashboard: server-sent events, about once a second. A reader that has not taken the last ones does not get those that come
// meanwhile: all figures are whole, so nothing is lost but time. One that takes nothing for a minute is left.

import type { Containment } from '../transport/containment.ts';
import {
  beginEvents,
  CLOSES,
  type EventResponse,
  endEvents,
  framed,
  TOKEN_CHANGED,
} from './server-sent-events.ts';

/** A client that has taken nothing for this time is left. */
const LEFT_AFTER_MS = 60_000;

/** How many readers a proxy has at the same time. */
export const MOST_DASHBOARD_READERS = 8;

/** What all readers are told at once. */
export interface DashboardFrame {
  /** `DashboardFigures` as JSON. */
  readonly figures: string;
  /** The sections of `DashboardFacts`, each as JSON. One that has not changed is the same text. */
  readonly facts: Readonly<Record<string, string>>;
}

export type DashboardSink = (frame: DashboardFrame) => void;

export interface DashboardSubscription {
  /** `DashboardOpening` as JSON. */
  readonly opening: string;
  /** The newest frame, if there is one already. */
  readonly frame: DashboardFrame | undefined;
  /** No frames come from now on. */
  close(): void;
}

/** @returns undefined if there are as many readers as there may be */
export type OpenDashboard = (sink: DashboardSink) => DashboardSubscription | undefined;

export interface DashboardStreamOptions {
  readonly open: OpenDashboard;
  readonly containment: Containment;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  readonly onEnd: () => void;
}

export class DashboardStream {
  readonly #response: EventResponse;
  readonly #options: DashboardStreamOptions;
  #subscription: DashboardSubscription | undefined = undefined;
  /** The text of each section that the reader has got. */
  readonly #sent = new Map<string, string>();
  /** When the reader was found to have taken everything. */
  #tookAtMs: number;
  #hasEnded = false;

  private constructor(response: EventResponse, options: DashboardStreamOptions) {
    this.#response = response;
    this.#options = options;
    this.#tookAtMs = options.now();
  }

  /** @returns undefined, and writes nothing, if there are as many readers as there may be */
  static begin(response: EventResponse, options: DashboardStreamOptions): DashboardStream | undefined {
    const stream = new DashboardStream(response, options);
    const subscription = options.open((frame) =>
      options.containment.run(
        () => stream.#leave(),
        () => stream.#send(frame),
      ),
    );
    if (subscription === undefined) return undefined;
    stream.#subscription = subscription;
    beginEvents(response, options.containment, {
      onEnd: () => stream.#ended(),
      onDrain: () => {
        stream.#tookAtMs = options.now();
      },
    });
    const { opening, frame } = subscription;
    response.write(framed(opening) + (frame === undefined ? '' : stream.#textOf(frame)));
    return stream;
  }

  /** @param reason a word for the client */
  close(reason: string): void {
    if (this.#hasEnded) return;
    this.#response.write(framed(JSON.stringify({ event: 'closing', reason })));
    endEvents(this.#response, this.#options.containment);
    this.#ended();
  }

  #send(frame: DashboardFrame): void {
    if (this.#hasEnded) return;
    const nowMs = this.#options.now();
    if (!this.#response.writableNeedDrain) {
      this.#tookAtMs = nowMs;
      this.#response.write(this.#textOf(frame));
    } else if (nowMs - this.#tookAtMs >= LEFT_AFTER_MS) this.#leave();
  }

  #leave(): void {
    this.#response.destroy();
    this.#ended();
  }

  #textOf({ figures, facts }: DashboardFrame): string {
    const changed: string[] = [];
    for (const section in facts) {
      const text = facts[section];
      if (this.#sent.get(section) === text) continue;
      this.#sent.set(section, text);
      changed.push(`"${section}":${text}`);
    }
    const news = changed.length === 0 ? '' : framed(`{"event":"facts",${changed.join(',')}}`);
    return framed(figures) + news;
  }

  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#subscription?.close();
    this.#options.onEnd();
  }
}

/** All readers of an admin server. */
export class DashboardStreams {
  readonly #open: OpenDashboard;
  readonly #containment: Containment;
  /** With each, whether its reader may still have it. */
  readonly #streams = new Map<DashboardStream, () => boolean>();
  #isClosed = false;

  constructor(open: OpenDashboard, containment: Containment) {
    this.#open = open;
    this.#containment = containment;
  }

  /**
   * @param isGranted whether the reader may still have the stream
   * @returns whether the response has begun; if not, there are as many readers as there may be
   */
  begin(response: EventResponse, isGranted: () => boolean): boolean {
    const stream = DashboardStream.begin(response, {
      open: this.#open,
      containment: this.#containment,
      now: () => performance.now(),
      onEnd: () => {
        if (stream !== undefined) this.#streams.delete(stream);
      },
    });
    if (stream === undefined) return false;
    // A connection that is still open has asked once more.
    if (this.#isClosed) stream.close(CLOSES);
    else this.#streams.set(stream, isGranted);
    return true;
  }

  /** Must be called when the token has changed: ends the streams that are no longer granted. */
  tokenChanged(): void {
    for (const [stream, isGranted] of this.#streams) if (!isGranted()) stream.close(TOKEN_CHANGED);
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.keys()) stream.close(CLOSES);
  }
}
