// What the proxy of a stage writes to its log.

import type { ChildProcess } from 'node:child_process';

export interface LogLine {
  readonly msg: string;
  readonly token?: string;
  readonly client?: string;
  readonly endpoint?: string;
  readonly address?: string;
  readonly listener?: string;
}

export interface Log {
  /** No access records; oldest first. */
  readonly lines: LogLine[];
  longestLine: number;
  /** How many lines name a path of `MARK_PATH`. */
  marks: number;
}

/** A call of this path shows how far the log is: records are written in the order in which calls end. */
export const MARK_PATH = '/mark.the/Log';

export function portOf(lines: readonly LogLine[], listener: string): number {
  const address = lines.find((line) => line.listener === listener)?.address ?? '';
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Access records are as many as an attacker has calls: they are passed over. */
export function collectLines(child: ChildProcess): Log {
  const log: Log = { lines: [], longestLine: 0, marks: 0 };
  let rest = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (piece: string) => {
    const texts = (rest + piece).split('\n');
    rest = texts.pop() ?? '';
    for (const text of texts) {
      log.longestLine = Math.max(log.longestLine, Buffer.byteLength(text) + 1);
      if (text.includes(MARK_PATH)) log.marks++;
      if (text.includes('"endedBy"')) continue;
      const line: unknown = JSON.parse(text);
      if (isLogLine(line)) log.lines.push(line);
    }
  });
  return log;
}

function isLogLine(line: unknown): line is LogLine {
  return typeof line === 'object' && line !== null && 'msg' in line;
}
