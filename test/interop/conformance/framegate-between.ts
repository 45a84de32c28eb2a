// Framegate as a child process between a suite's client and its server: all calls go to one upstream, or each path to its
// own. What it wrote to its log is looked at when it stops.

import type { ReportingChild } from '../child-process.ts';
import { FramegateProcess } from '../framegate-process.ts';
import type { ConformanceSetup } from './conformance-suite.ts';

export interface Between {
  readonly tlsPort: number;
  readonly plaintextPort: number;
  /** Ends it; says what is wrong with how it ended, or with what it logged. */
  stop(): Promise<readonly string[]>;
  lastWords(): string;
}

export interface BetweenRoute {
  /** What `match` of the route says, as YAML in braces. */
  readonly match: string;
  readonly upstreamAddress: string;
}

export interface BetweenOptions {
  readonly routes: readonly BetweenRoute[];
  readonly isGrpcWeb?: boolean;
  /** Of both ends' certificates for the TLS listener; the run's own unless given. */
  readonly certificate?: { readonly certFile: string; readonly keyFile: string };
  /** More lines of the configuration, at its top level. */
  readonly extra?: string;
}

export type BetweenSetup = Pick<ConformanceSetup, 'folder'> & {
  readonly certificates: Pick<ConformanceSetup['certificates'], 'certFile' | 'keyFile'>;
};

export async function startBetween(setup: BetweenSetup, options: BetweenOptions): Promise<Between> {
  let child: ReportingChild | undefined;
  const keep = (started: ReportingChild) => {
    child = started;
  };
  const framegate = await FramegateProcess.launch(
    setup.folder,
    configurationText(options.certificate ?? setup.certificates, options),
    keep,
  );
  return {
    tlsPort: portOf(framegate.tlsAddress),
    plaintextPort: portOf(framegate.plaintextAddress),
    stop: () => framegate.stop(),
    lastWords: () => child?.lastWords() ?? '',
  };
}

/** A route for everything. */
export function allTo(upstreamPort: number): readonly BetweenRoute[] {
  return [{ match: '{ path: /* }', upstreamAddress: `127.0.0.1:${upstreamPort}` }];
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

function configurationText(
  certificate: { readonly certFile: string; readonly keyFile: string },
  options: BetweenOptions,
): string {
  const grpcWeb = options.isGrpcWeb === true ? '\n    grpcWeb: true' : '';
  const routes = options.routes.map(({ match }, index) => {
    return `  - match: ${match}\n    upstream: upstream-${index}${grpcWeb}`;
  });
  const upstreams = options.routes.map(({ upstreamAddress }, index) => {
    return `  upstream-${index}:\n    endpoints: ["${upstreamAddress}"]`;
  });
  return `# Written by the interop suite.
listeners:
  - name: tls
    address: 127.0.0.1:0
    tls:
      certificates:
        - cert: ${JSON.stringify(certificate.certFile)}
          key: ${JSON.stringify(certificate.keyFile)}
  - name: plaintext
    address: 127.0.0.1:0
routes:
${routes.join('\n')}
upstreams:
${upstreams.join('\n')}
drain:
  timeout: 5s
admin: off
${options.extra ?? ''}`;
}
