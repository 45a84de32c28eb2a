// Checks whether the configuration can be used, what is suspicious in it, and which combinations work but may surprise.

import type { Config, ListenerConfig } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import { formatProblem } from '../config/problem.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { Check } from './check.ts';
import { type Finding, failed, ok, warning } from './finding.ts';
import type { ConfigSubject } from './subject.ts';

/** Clients of gRPC that send keepalive PINGs do so about every minute or less often. */
const SHORT_IDLE_MS = 60_000;
const SHORT_DEADLINE_MS = 60_000;
/** A client that pings each second, as some set it, sends as many PINGs in ten seconds. */
const FEW_PINGS = 20;

export const CONFIG_USABLE = 'config.usable';

export function configChecks(subject: ConfigSubject): readonly Check[] {
  const { config, file } = subject;
  const usable: Check = {
    id: CONFIG_USABLE,
    group: 'config',
    title: `${file} can be used`,
    run: () => describeProblems(subject),
  };
  if (config === undefined) return [usable];
  return [
    usable,
    {
      id: 'config.risks',
      group: 'config',
      title: 'no risky combinations',
      run: () => {
        const risks = findRisks(config);
        return risks.length === 0 ? [ok('none was found')] : risks;
      },
    },
  ];
}

function describeProblems({ problems, config }: ConfigSubject): readonly Finding[] {
  const findings = problems.map((problem) => {
    const { hint, severity, ...rest } = problem;
    // The severity is in the sign, and the hint is the remedy.
    const text = formatProblem({ ...rest, severity: 'error' });
    return severity === 'error' ? failed(text, hint) : warning(text, hint);
  });
  if (config === undefined) return findings;
  const summary = [
    counted(config.listeners.length, 'listener'),
    counted(config.routes.length, 'route'),
    counted(config.upstreams.length, 'upstream'),
  ];
  return [ok(summary.join(', ')), ...findings];
}

/** What is valid, and yet probably not what was meant. */
export function findRisks(config: Config): readonly Finding[] {
  const upstreams = new Map(config.upstreams.map((upstream) => [upstream.name, upstream]));
  return [
    ...config.listeners.flatMap(listenerRisks),
    ...config.routes.flatMap((route) => routeRisks(route, upstreams)),
    ...limitRisks(config),
  ];
}

function listenerRisks(listener: ListenerConfig): readonly Finding[] {
  const { name, address, tls, trustedClients, proxyProtocol } = listener;
  const findings: Finding[] = [];
  if (
    tls === undefined &&
    address.kind === 'tcp' &&
    !isLoopback(address.host) &&
    proxyProtocol === undefined
  ) {
    findings.push(
      warning(
        `listener '${name}' serves plaintext on ${address.text}: everybody in that network can read and change the calls`,
        'give it tls, or bind it to 127.0.0.1 where only this machine calls it',
      ),
    );
  }
  const everybody = trustedClients.find((network) => network.endsWith('/0'));
  if (everybody !== undefined) {
    findings.push(
      warning(
        `listener '${name}' trusts ${everybody}: each client may claim any address by x-forwarded-for`,
        'name the load balancers alone in trustedClients',
      ),
    );
  }
  return findings;
}

function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|localhost$)/.test(host);
}

function routeRisks(
  { name, timeouts, upstream, split }: RouteConfig,
  upstreams: ReadonlyMap<string, UpstreamConfig>,
): readonly Finding[] {
  const target = upstreams.get(upstream ?? split?.[0]?.upstream ?? '');
  if (timeouts === undefined || target?.protocol === 'http1') return [];
  const { idleMs, deadlineMs, maxDeadlineMs } = timeouts;
  const findings: Finding[] = [];
  if (idleMs !== undefined && idleMs < SHORT_IDLE_MS) {
    findings.push(
      warning(
        `route '${name}' ends each stream whose one direction is silent for ${idleMs / 1000} s (timeouts.idle); keepalive PINGs of clients do not count, as they belong to the connection`,
        'leave timeouts.idle out, or set it to more than the longest pause of a stream',
        'response_idle',
      ),
    );
  }
  const deadline = Math.min(
    deadlineMs ?? Number.POSITIVE_INFINITY,
    maxDeadlineMs ?? Number.POSITIVE_INFINITY,
  );
  if (deadline < SHORT_DEADLINE_MS) {
    const key = deadline === deadlineMs ? 'timeouts.deadline' : 'timeouts.maxDeadline';
    findings.push(
      warning(
        `route '${name}' ends each call after ${deadline / 1000} s (${key}), long streams too`,
        'set it for the routes of unary methods alone',
        'deadline_exceeded',
      ),
    );
  }
  return findings;
}

function limitRisks({ limits, capacity, upstreams }: Config): readonly Finding[] {
  const findings: Finding[] = [];
  if (limits.floods.pings < FEW_PINGS) {
    findings.push(
      warning(
        `limits.floods.pings: ${limits.floods.pings} ends connections of clients whose keepalive sends a PING each second`,
        'leave it at its default, 100',
      ),
    );
  }
  if (capacity.connectionAgeMs !== undefined && capacity.connectionAgeMs < SHORT_DEADLINE_MS) {
    findings.push(
      warning(
        `limits.connectionAge: ${capacity.connectionAgeMs / 1000}s makes clients connect again all the time`,
        'set it to minutes',
      ),
    );
  }
  for (const { name, streams } of upstreams) {
    if (streams.maxAgeMs === undefined || streams.maxAgeMs >= SHORT_DEADLINE_MS) continue;
    findings.push(
      warning(
        `upstream '${name}' ends each stream after ${streams.maxAgeMs / 1000} s (streams.maxAge)`,
        'set it to many minutes, or leave it out',
        'stream_too_old',
      ),
    );
  }
  return findings;
}
