// The sections of the dashboard that change now and then: the configuration, certificates, diagnoses, and what is to be said of endpoints. Each is
// made anew only when something in it may be different, and kept as text, which readers compare by identity.

import type {
  CertificateFacts,
  ConfigurationFacts,
  DashboardFacts,
  DiagnosisFacts,
  EndpointFacts,
  EndpointsFacts,
} from '../admin/dashboard-figures.ts';
import { withRemedies } from '../admin/diagnosis-remedies.ts';
import { type DiagnosisReport, fairlyChosen } from '../observability/diagnosis-ring.ts';
import { ENDPOINT_LAYOUT, endpointOfKey, TOTALS_LAYOUT } from '../observability/figure-layouts.ts';
import type { DashboardReport } from '../plane/plane.ts';
import type { SaidOfEndpoint } from '../plane/process-figures.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import type { ReloadReport } from '../sources/file-source.ts';
import { daysLeft } from './certificate-expiry.ts';
import { subjectOf } from './certificate-watch.ts';
import { configDifferences, configHash } from './config-differences.ts';
import type { CurrentConfig } from './config-report.ts';
import type { Diagnoses } from './diagnoses.ts';
import type { EndpointHistory } from './endpoint-history.ts';
import type { HealthReport } from './health-watch.ts';

/** Certificates are parsed for each look, and expire by the day. */
const LOOK_AT_CERTIFICATES_EVERY_MS = 10_000;
const MOST_DIAGNOSES = 50;
const MOST_CERTIFICATES = 500;
/** Of the endpoints of which there is something to say. */
const MOST_ENDPOINTS = 1000;
/** Of the warnings about a configuration, and of the problems of a reload. */
const MOST_LINES = 50;

type FactSection = Exclude<keyof DashboardFacts, 'event'>;

export interface FactSources {
  readonly warnings: () => readonly string[];
  readonly reloads: () => ReloadReport;
  readonly tlsUsers: () => readonly TlsUser[];
  readonly diagnoses: Pick<Diagnoses, 'report' | 'countOfControl'>;
  /** What health checks have found of the endpoints of an upstream. */
  readonly healthOf: (upstream: string) => ReadonlyMap<string, Pick<HealthReport, 'sinceEpochMs'>>;
  readonly history: EndpointHistory;
  /** Receives what is thrown while a section is made. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

export class DashboardFactSheet {
  readonly #sources: FactSources;
  readonly #nowEpochMs: () => number;
  readonly #texts: Record<string, string> = {};
  #current: CurrentConfig;
  #before: CurrentConfig | undefined = undefined;
  /** What does not change with an epoch: the hash, and the differences from the one before. Made when somebody looks. */
  #ofEpoch: Pick<ConfigurationFacts, 'hash' | 'changes'> | undefined = undefined;
  #diagnosesSeen = -1;
  #certificatesAtMs = Number.NEGATIVE_INFINITY;

  constructor(sources: FactSources, current: CurrentConfig, nowEpochMs: () => number = Date.now) {
    this.#sources = sources;
    this.#current = current;
    this.#nowEpochMs = nowEpochMs;
  }

  /** Another configuration was put to use. */
  use(next: CurrentConfig): void {
    if (next.epoch !== this.#current.epoch) this.#before = this.#current;
    this.#current = next;
    this.#ofEpoch = undefined;
    this.#certificatesAtMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * A section that cannot be made is that of an earlier look, and is made again with the next one. Never rejects.
   * @returns all sections. One that is the same as before is the same text
   */
  async look(report: DashboardReport): Promise<Readonly<Record<string, string>>> {
    await this.#make(() => this.#keep('configuration', this.#configuration()));
    await this.#make(() => this.#keep('endpoints', this.#endpoints(report)));
    await this.#make(() => this.#lookAtCertificates());
    await this.#make(() => this.#lookAtDiagnoses(report));
    return { ...this.#texts };
  }

  async #make(section: () => void | Promise<void>): Promise<void> {
    try {
      await section();
    } catch (error) {
      this.#sources.onFault(error);
    }
  }

  #lookAtCertificates(): void {
    const nowMs = this.#nowEpochMs();
    if (Math.abs(nowMs - this.#certificatesAtMs) < LOOK_AT_CERTIFICATES_EVERY_MS) return;
    this.#keep('certificates', this.#certificates(nowMs));
    this.#certificatesAtMs = nowMs;
  }

  async #lookAtDiagnoses({ totals }: DashboardReport): Promise<void> {
    const { diagnoses: source } = this.#sources;
    const diagnosed = TOTALS_LAYOUT.read(totals, 0, 'diagnoses') + source.countOfControl;
    if (diagnosed === this.#diagnosesSeen) return;
    const diagnoses = await source.report();
    this.#keep('diagnoses', describeDiagnoses(diagnoses));
    // What a process has not told is missing until it has.
    if (diagnoses.unanswered === undefined) this.#diagnosesSeen = diagnosed;
  }

  #keep<Section extends FactSection>(section: Section, facts: NonNullable<DashboardFacts[Section]>): void {
    const text = JSON.stringify(facts);
    if (text !== this.#texts[section]) this.#texts[section] = text;
  }

  #configuration(): ConfigurationFacts {
    const { epoch, config, loadedAtEpochMs } = this.#current;
    const { reloaded, refused, failed, last, lastError } = this.#sources.reloads();
    this.#ofEpoch ??= this.#factsOfEpoch();
    return {
      epoch,
      loadedAtEpochMs,
      file: config.file,
      ...this.#ofEpoch,
      warnings: this.#sources.warnings().slice(0, MOST_LINES),
      reloads: {
        reloaded,
        refused,
        failed,
        ...(last === undefined
          ? {}
          : {
              last: {
                atEpochMs: Date.parse(last.at),
                trigger: last.trigger,
                result: last.result,
                problems: last.result === 'reloaded' ? [] : (lastError?.problems ?? []).slice(0, MOST_LINES),
              },
            }),
      },
    };
  }

  #factsOfEpoch(): Pick<ConfigurationFacts, 'hash' | 'changes'> {
    const { config } = this.#current;
    const hash = configHash(config);
    if (this.#before === undefined) return { hash };
    const { entries, leftOut } = configDifferences(this.#before.config, config);
    return {
      hash,
      changes: { since: this.#before.epoch, entries, ...(leftOut === 0 ? {} : { leftOut }) },
    };
  }

  #certificates(nowMs: number): readonly CertificateFacts[] {
    const users = this.#sources.tlsUsers();
    return users
      .flatMap((user) =>
        user.certificates().map((used) => ({
          kind: user.kind,
          name: user.name,
          file: used.file,
          subject: subjectOf(used.certificate.subject),
          names: used.certificate.subjectAltName ?? '',
          notAfterEpochMs: used.certificate.validToDate.getTime(),
          daysLeft: daysLeft(used, nowMs),
        })),
      )
      .slice(0, MOST_CERTIFICATES);
  }

  #endpoints({ said, endpoints }: DashboardReport): EndpointsFacts {
    const { history, healthOf } = this.#sources;
    const health = new Map<string, ReturnType<typeof healthOf>>();
    const healthSince = (upstream: string, endpoint: string): number | undefined => {
      const known = health.get(upstream) ?? healthOf(upstream);
      health.set(upstream, known);
      return known.get(endpoint)?.sinceEpochMs;
    };
    const reasons = new Map(said.map((one) => [one.key, one.reasons]));
    const processes = new Map(
      endpoints.keys.map((key, row) => [key, ENDPOINT_LAYOUT.read(endpoints, row, 'processes')]),
    );
    const keys = new Set([...reasons.keys(), ...history.endpoints]);
    const shown = [...keys].slice(0, MOST_ENDPOINTS);
    const leftOut = keys.size - shown.length;
    return {
      endpoints: shown.map((key): EndpointFacts => {
        const { upstream, endpoint } = endpointOfKey(key);
        return {
          upstream,
          endpoint,
          reasons: (reasons.get(key) ?? []).map((reason) =>
            describeReason(reason, processes.get(key), () => healthSince(upstream, endpoint)),
          ),
          history: history.of(key),
        };
      }),
      ...(leftOut === 0 ? {} : { leftOut }),
    };
  }
}

function describeReason(
  { by, sentence, sinceEpochMs, processes }: SaidOfEndpoint['reasons'][number],
  ofProcesses: number | undefined,
  healthSince: () => number | undefined,
): EndpointFacts['reasons'][number] {
  const since = by === 'health' ? healthSince() : sinceEpochMs;
  return {
    by,
    sentence,
    ...(since === undefined ? {} : { sinceEpochMs: since }),
    ...(processes === ofProcesses ? {} : { processes }),
  };
}

function describeDiagnoses(report: DiagnosisReport): DiagnosisFacts {
  const { counts, remedies, recent, reasons } = withRemedies(report);
  const shown = fairlyChosen(recent, MOST_DIAGNOSES);
  const codes = new Set(shown.map(({ code }) => code));
  return { counts, recent: shown, reasons: only(codes, reasons), remedies: only(codes, remedies) };
}

function only<Value>(
  codes: ReadonlySet<string>,
  byCode: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(byCode).filter(([code]) => codes.has(code)));
}
