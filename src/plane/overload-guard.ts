// Keeps this process within its limits of connections and memory, and watches the delay of its event loop. It refuses new connections
// and new calls; it never ends a running call.

import type { Config } from '../config/config.ts';
import { dropSpareSlabs } from '../h2/output-buffer.ts';
import { ConnectionLimits } from '../listeners/connection-limits.ts';
import type { Logger } from '../observability/logger.ts';
import { collectGarbage } from '../overload/collect-garbage.ts';
import {
  EventLoopDelay,
  type EventLoopDelayReport,
  makeDelayHistogram,
} from '../overload/event-loop-delay.ts';
import { memoryLimit } from '../overload/memory-limit.ts';
import type { MemoryLevel } from '../overload/memory-pressure.ts';
import { MemoryUse } from '../overload/memory-use.ts';
import { type MemoryReport, MemoryWatch } from '../overload/memory-watch.ts';
import { connectionCaps, connectionsFor, readOpenFilesLimit } from '../overload/open-files.ts';
import type { ClientTerms } from '../relay/client-terms.ts';
import type { Relay } from '../relay/relay.ts';

const LOOK_EVERY_MS = 1000;
/** The interval while memory is short, since it may be used up within seconds. */
const LOOK_OFTEN_MS = 250;
const BYTES_PER_MEBIBYTE = 1_048_576;

/** The state of one process, as plain data. */
export interface OverloadReport {
  readonly connections: {
    readonly open: number;
    readonly refused: number;
    readonly most: number;
    /** Undefined when one address may have all connections. */
    readonly mostOfAddress: number | undefined;
  };
  readonly memory: MemoryReport;
  readonly eventLoopDelay: EventLoopDelayReport;
}

const MESSAGES: Readonly<Record<MemoryLevel, string>> = {
  0: 'memory is no longer short',
  1: 'memory is short: caches are given back',
  2: 'memory is short: new calls are refused, and clients without a call asked to connect again later',
  3: 'memory is used up: new calls and new connections are refused',
};

export interface OverloadGuardParts {
  readonly relay: Pick<Relay, 'shrink' | 'drainIdle'> & { readonly terms: ClientTerms };
  readonly logger: Logger;
  /** How much memory the process uses, in bytes. Tests replace it. */
  readonly usedBytes?: () => number;
}

export class OverloadGuard {
  readonly limits = new ConnectionLimits({ connections: Number.POSITIVE_INFINITY, perAddress: undefined });
  readonly #parts: OverloadGuardParts;
  readonly #memory: MemoryWatch;
  readonly #histogram = makeDelayHistogram();
  readonly #delay: EventLoopDelay;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(parts: OverloadGuardParts) {
    this.#parts = parts;
    const use = new MemoryUse();
    this.#memory = new MemoryWatch({
      usedBytes: parts.usedBytes ?? (() => use.usedBytes),
      relieve: (level) => this.#relieve(level),
      onLevel: (level, before) => this.#changeLevel(level, before),
    });
    this.#delay = new EventLoopDelay(
      (durationMs) => this.#reportStandstill(durationMs),
      this.#histogram,
      performance.now(),
    );
  }

  get report(): OverloadReport {
    const { openCount, refusedCount, caps } = this.limits;
    return {
      connections: {
        open: openCount,
        refused: refusedCount,
        most: caps.connections,
        mostOfAddress: caps.perAddress,
      },
      memory: this.#memory.report,
      eventLoopDelay: this.#delay.report,
    };
  }

  /**
   * The new limits apply at once and also count the open connections. No open connection is closed because of them.
   * @param processes how many processes carry connections, including this one
   */
  use(config: Pick<Config, 'capacity' | 'upstreams'>, processes: number): void {
    const { capacity } = config;
    const openFiles = readOpenFilesLimit();
    const { perAddress } = connectionCaps(config, openFiles, processes);
    const connections =
      capacity.connections === 'auto' ? connectionsFor(config, openFiles) : capacity.connections;
    this.limits.caps = { connections, perAddress };
    this.#parts.relay.terms.connectionAgeMs = capacity.connectionAgeMs;
    this.#memory.limitBytes = memoryLimit(capacity.memoryBytes, processes);
    if (this.#timer !== undefined) return;
    this.#histogram.enable();
    this.#schedule();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#histogram.disable();
  }

  #schedule(): void {
    const pauseMs = this.#memory.level === 0 ? LOOK_EVERY_MS : LOOK_OFTEN_MS;
    this.#timer = setTimeout(() => this.#look(), pauseMs).unref();
  }

  #look(): void {
    const nowMs = performance.now();
    this.#delay.look(nowMs);
    this.#memory.look(nowMs);
    if (this.#memory.level >= 2) this.#parts.relay.drainIdle();
    this.#schedule();
  }

  #relieve(level: MemoryLevel): number {
    const beganMs = performance.now();
    dropSpareSlabs();
    this.#parts.relay.shrink();
    collectGarbage(level === 3 ? 'last-resort' : 'regular');
    return performance.now() - beganMs;
  }

  #changeLevel(level: MemoryLevel, before: MemoryLevel): void {
    this.#parts.relay.terms.isRefusingCalls = level >= 2;
    this.limits.isClosed = level >= 3;
    const { usedBytes, limitBytes } = this.#memory.report;
    const fields = {
      memoryLevel: level,
      usedMiB: mebibytes(usedBytes),
      limitMiB: mebibytes(limitBytes),
    };
    if (level > before) this.#parts.logger.warn(fields, MESSAGES[level]);
    else this.#parts.logger.info(fields, MESSAGES[level]);
  }

  #reportStandstill(durationMs: number): void {
    this.#parts.logger.warn(
      { durationMs: Math.round(durationMs) },
      'the event loop stood still, and every call with it: does something else take the processor, or is the machine swapping?',
    );
  }
}

function mebibytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.round(bytes / BYTES_PER_MEBIBYTE);
}
