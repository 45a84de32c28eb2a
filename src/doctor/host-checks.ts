// Checks what the machine offers to the process: file descriptors, a correct clock, a service manager.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { clientRoom, findLackOfMemory, findLackOfRoom } from '../control/client-room.ts';
import { readOpenFilesLimit } from '../overload/open-files.ts';
import type { Check } from './check.ts';
import { type Finding, note, ok, quoted, unexamined, warning } from './finding.ts';

export interface HostParts {
  readonly processes: number;
  /** Replaces the limit of this process. */
  readonly openFiles?: number;
}

export function hostChecks(config: Config, parts: HostParts): readonly Check[] {
  return [
    {
      id: 'host.descriptors',
      group: 'host',
      title: 'descriptors for the configured connections',
      run: () => examineDescriptors(config, parts),
    },
    {
      id: 'host.clock',
      group: 'host',
      title: 'the clock fits the certificates',
      run: () => examineClock(config),
    },
    {
      id: 'host.systemd',
      group: 'host',
      title: 'systemd unit framegate.service',
      limitMs: 2000,
      run: (signal) => examineUnit(signal),
    },
  ];
}

function examineDescriptors(
  config: Config,
  { processes, openFiles = readOpenFilesLimit() }: HostParts,
): readonly Finding[] {
  const lacks = [...findLackOfRoom(config, processes, openFiles), ...findLackOfMemory(config, processes)];
  if (lacks.length > 0)
    return lacks.map(({ path, message, hint }) => warning(`${path.join('.')} – ${message}`, hint));
  return [ok(clientRoom(config, processes, openFiles).room)];
}

function examineClock({ listeners }: Config): readonly Finding[] {
  const nowEpochMs = Date.now();
  for (const { cert } of listeners.flatMap(({ tls }) => tls?.certificates ?? [])) {
    const certificate = readCertificate(cert);
    if (certificate === undefined) continue;
    const aheadMs = certificate.validFromDate.getTime() - nowEpochMs;
    if (aheadMs > 0) {
      return [
        warning(
          `the clock says ${new Date(nowEpochMs).toISOString()}, and ${cert} was made for the time after ${certificate.validFromDate.toISOString()}`,
          'set the clock, and let it be kept right: timedatectl set-ntp true',
        ),
      ];
    }
  }
  return [ok(new Date(nowEpochMs).toISOString())];
}

function readCertificate(file: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(file));
  } catch {
    return undefined;
  }
}

const PROPERTIES = ['LoadState', 'ActiveState', 'SubState', 'LimitNOFILE', 'Result'];
/** What the unit in deploy/systemd sets is far above; the default of systemd is 524288 for the hard limit. */
const LEAST_OPEN_FILES = 4096;

async function examineUnit(signal: AbortSignal): Promise<readonly Finding[]> {
  if (!existsSync('/run/systemd/system')) return [unexamined('systemd does not run this machine')];
  const words = ['show', 'framegate.service', '--property', PROPERTIES.join(',')];
  const text = await outputOf('systemctl', words, signal);
  if (text === undefined) return [unexamined('systemctl does not answer')];
  const facts = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  return describeUnit(facts);
}

/** @param facts as `systemctl show` prints them */
export function describeUnit(facts: ReadonlyMap<string, string>): readonly Finding[] {
  if (facts.get('LoadState') === 'not-found') {
    return [
      note('there is no such unit; deploy/systemd has one, with a socket that refuses nobody in a restart'),
    ];
  }
  const state = `${facts.get('ActiveState') ?? 'unknown'} (${facts.get('SubState') ?? ''})`;
  const findings: Finding[] = [];
  if (facts.get('ActiveState') === 'failed') {
    findings.push(
      warning(
        `the unit has failed (${quoted(facts.get('Result') ?? '')})`,
        'journalctl -u framegate -n 50 says why',
      ),
    );
  } else findings.push(ok(state));
  const openFiles = Number(facts.get('LimitNOFILE'));
  if (openFiles > 0 && openFiles < LEAST_OPEN_FILES) {
    findings.push(
      warning(
        `LimitNOFILE=${openFiles} in the unit leaves few descriptors for clients`,
        'LimitNOFILE=524288',
      ),
    );
  }
  return findings;
}

function outputOf(
  program: string,
  words: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  execFile(program, words, { signal, maxBuffer: 65_536, encoding: 'utf8' }, (error, stdout) => {
    resolve(error === null ? stdout : undefined);
  });
  return promise;
}
