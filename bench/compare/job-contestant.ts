// A proxy that our own generator loads: it is started and warmed up once, and then does one job per round.

import type { Job, JobReport } from '../load/job.ts';
import { probeCall } from './call-probe.ts';
import type { Contestant, RunResult } from './contest.ts';
import { JAVASCRIPT_WARM_MICROSECONDS, type MeasuredJob, measureJob } from './load-process.ts';
import { makeMessage } from './payload.ts';
import type { Peer } from './peers.ts';
import { RunningPeer } from './running-peer.ts';
import { SpanSink } from './span-sink.ts';
import { type Measuring, makeFolder } from './surroundings.ts';

export const PATH = '/voice.VoiceAssistant/StreamAudio';
const PROBE_BYTES = 64;
/** The limit on warm-ups, because a proxy that the job hardly loads would take forever to get warm. */
const MOST_WARM_UPS = 8;

export interface JobPlan {
  readonly workloadName: string;
  readonly rowNames: readonly string[];
  readonly streamsPerConnection: number;
  /** Whether the proxy makes traces of 1 % of its calls. */
  readonly isTraced?: true;
  /** The job that runs before anything is counted. Its result is passed to job(). */
  readonly warmUp: (port: number) => Job;
  readonly job: (port: number, warm: MeasuredJob, peerName: string) => Job;
  readonly figuresOf: (measured: MeasuredJob, warm: MeasuredJob) => Readonly<Record<string, number>>;
}

export class JobContestant implements Contestant {
  readonly peerName: string;
  readonly rowNames: readonly string[];
  readonly #peer: Peer;
  readonly #plan: JobPlan;
  readonly #measuring: Measuring;
  readonly #folder: string;
  #running: RunningPeer | undefined = undefined;
  #warm: MeasuredJob | undefined = undefined;
  #sink: SpanSink | undefined = undefined;

  constructor(peer: Peer, plan: JobPlan, measuring: Measuring) {
    this.#peer = peer;
    this.#plan = plan;
    this.#measuring = measuring;
    this.peerName = peer.name;
    this.rowNames = plan.rowNames;
    this.#folder = makeFolder(measuring.folder, `${plan.rowNames[0]}-${peer.name}`);
  }

  /** The report of the warm-up. Undefined before the warm-up or if it failed. */
  get warmReport(): JobReport | undefined {
    return this.#warm?.report;
  }

  async prepare(): Promise<void> {
    const { services, certificate } = this.#measuring;
    if (this.#plan.isTraced) this.#sink = await SpanSink.start();
    this.#running = await RunningPeer.start(this.#peer, {
      folder: this.#folder,
      certificate,
      upstreamPort: services.echo.port,
      streamsPerConnection: this.#plan.streamsPerConnection,
      accessLog: true,
      workers: 1,
      protocol: 'grpc',
      traceExporter: this.#sink?.exporter,
    });
    await probeCall(this.#running.port, PATH, makeMessage(PROBE_BYTES));
    const enoughMicroseconds = this.#peer.isJavaScript ? JAVASCRIPT_WARM_MICROSECONDS : 0;
    const job = this.#plan.warmUp(this.#running.port);
    let warm = await measureJob(job, this.#running, this.#folder);
    let microseconds = warm.cpuMicroseconds;
    for (let again = 0; again < MOST_WARM_UPS && microseconds < enoughMicroseconds; again++) {
      warm = await measureJob(job, this.#running, this.#folder);
      microseconds += warm.cpuMicroseconds;
    }
    if (warm.report.succeeded === 0) throw new Error(warm.report.problems.join('; ') || 'nothing came back');
    this.#warm = warm;
  }

  async run(): Promise<RunResult> {
    if (this.#running === undefined || this.#warm === undefined) throw new Error('not prepared');
    const job = this.#plan.job(this.#running.port, this.#warm, this.peerName);
    const measured = await measureJob(job, this.#running, this.#folder);
    const figures = this.#plan.figuresOf(measured, this.#warm);
    const { problems, succeeded, lateP99Ms } = measured.report;
    const late = lateP99Ms === undefined ? '' : `, generator late by ${lateP99Ms.toFixed(1)} ms (p99)`;
    const texts = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(2)}`);
    if (this.#sink?.requests === 0) throw new Error('no spans have come');
    return { figures, problems, note: [...texts, `${succeeded} done${late}`, ...problems].join(', ') };
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#sink?.stop();
  }
}
