// The processes of the proxy, and what each of them carries.

import type { ProcessFigures, WorkerDeathFacts } from '../../src/admin/dashboard-figures.ts';
import { counted, formatBytes, formatCount, formatMs, formatTime, NONE } from '../model/format.ts';
import { type ProxyModel, RATE_MS } from '../model/proxy-model.ts';
import { Section } from './section.tsx';

const MEMORY_LEVELS: readonly string[] = ['', 'gives caches back', 'refuses calls', 'refuses connections'];

export function ProcessSection({ model }: { readonly model: ProxyModel }) {
  const { figures } = model;
  if (figures === undefined) return null;
  const earlier = model.before(RATE_MS);
  const seconds = earlier === undefined ? 0 : (figures.totals.atEpochMs - earlier.atEpochMs) / 1000;
  const before = new Map(earlier?.figures.processes.map((process) => [process.pid, process]));
  const restarts = figures.workerRestarts;
  return (
    <Section
      id="processes"
      title="Processes"
      note={restarts === 0 ? undefined : `${counted(restarts, 'worker')} started again since the start`}
    >
      {figures.lastWorkerDeath !== undefined && (
        <p class="note">{deathSentence(figures.lastWorkerDeath, figures.totals.atEpochMs)}</p>
      )}
      <div class="scrolls" tabIndex={0} role="region" aria-label="Table of processes">
        <table class="processes">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Epoch
              </th>
              <th scope="col" class="number">
                Calls
              </th>
              <th scope="col" class="number">
                Connections
              </th>
              <th scope="col" class="number">
                Processor
              </th>
              <th scope="col" class="number">
                Memory
              </th>
              <th scope="col" class="number">
                Loop delay p99
              </th>
              <th scope="col" class="number">
                Open files
              </th>
            </tr>
          </thead>
          <tbody>
            {figures.processes.map((process) => (
              <Process
                key={process.pid}
                process={process}
                cores={coresOf(process, before.get(process.pid), seconds)}
                isAlone={figures.processes.length === 1}
              />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function deathSentence(
  { worker, pid, how, connections, calls, atEpochMs }: WorkerDeathFacts,
  nowEpochMs: number,
): string {
  const lost = `${counted(calls, 'call')} and ${counted(connections, 'connection')}`;
  return `Worker ${worker} (pid ${pid}) died at ${formatTime(atEpochMs, nowEpochMs)} by ${how}, and ${lost} with it.`;
}

/** @returns undefined if it is not known yet */
function coresOf(
  { cpuSeconds }: ProcessFigures,
  before: ProcessFigures | undefined,
  seconds: number,
): number | undefined {
  if (cpuSeconds === undefined || before?.cpuSeconds === undefined || seconds <= 0) return undefined;
  return Math.max(0, cpuSeconds - before.cpuSeconds) / seconds;
}

interface ProcessProps {
  readonly process: ProcessFigures;
  readonly cores: number | undefined;
  /** Whether it is the only process of the proxy. */
  readonly isAlone: boolean;
}

function Process({ process, cores, isAlone }: ProcessProps) {
  const { worker, pid, state, epoch, carries, memory, eventLoopDelay, openFiles, mostOpenFiles } = process;
  return (
    <tr>
      <th scope="row">
        {worker === undefined ? (isAlone ? 'process' : 'primary') : `worker ${worker}`}{' '}
        <small>pid {pid}</small>
      </th>
      <td>{state}</td>
      <td class="number">{epoch}</td>
      <td class="number">{carries === undefined ? NONE : formatCount(carries.calls)}</td>
      <td class="number">{carries === undefined ? NONE : formatCount(carries.connections)}</td>
      <td class="number">{cores === undefined ? NONE : `${(cores * 100).toFixed(0)} %`}</td>
      <td class="number">
        {memory === undefined ? NONE : formatBytes(memory.usedBytes)}
        {memory?.limitBytes !== undefined && <small> of {formatBytes(memory.limitBytes)}</small>}
        {memory?.level !== undefined && memory.level > 0 && (
          <b class="bad"> {MEMORY_LEVELS[memory.level] ?? ''}</b>
        )}
      </td>
      <td class="number">{formatMs(eventLoopDelay?.p99Ms)}</td>
      <td class="number">
        {openFiles === undefined ? NONE : formatCount(openFiles)}
        {mostOpenFiles !== undefined && <small> of {formatCount(mostOpenFiles)}</small>}
      </td>
    </tr>
  );
}
