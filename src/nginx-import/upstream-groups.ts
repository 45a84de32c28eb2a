// The upstreams of the output. One upstream block of nginx may become several, if locations use different protocols or certificates with
// it. An upstream that no route leads to is left out.

import { balancingOf } from './balancing.ts';
import type { Directive } from './directive.ts';
import { Ledger } from './ledger.ts';
import { clamp, formatDuration, greatest, parseCount, parseTime } from './nginx-values.ts';
import { type PassTarget, portOf } from './pass-target.ts';
import type { Scope } from './scope.ts';
import { healthOf } from './upstream-health.ts';
import { endpointAddress, type UpstreamServer, upstreamServersOf } from './upstream-servers.ts';
import { upstreamTlsOf } from './upstream-tls.ts';
import { type YamlEntry, type YamlItem, YamlList, YamlMap } from './yaml-text.ts';

interface Group {
  readonly name: string;
  readonly target: PassTarget;
  readonly pass: Directive;
  readonly tls: readonly YamlEntry[];
  readonly source: 'block' | 'address';
  health: YamlEntry | undefined;
  connectTimeout: { readonly ms: number; readonly directive: Directive } | undefined;
  /** Where nginx would ask for the names. */
  readonly resolver: Directive | undefined;
}

/** Of servers that say how often they may fail: what nginx takes where the other half is not written. */
const USUAL_FAIL_TIMEOUT_MS = 10_000;

/** What a server of an `upstream` block has without a port, whatever protocol is spoken to it (ngx_http_upstream_module, server). */
const PORT_IN_BLOCK = 80;

export class UpstreamGroups {
  readonly #blocks: ReadonlyMap<string, Directive>;
  readonly #ledger: Ledger;
  readonly #folder: string | undefined;
  readonly #groups = new Map<string, Group>();
  /** By their names. A configuration may have thousands, each asked for by a location of its own. */
  readonly #named = new Map<string, Group>();

  constructor(http: Scope, folder: string | undefined, ledger: Ledger) {
    this.#blocks = new Map(http.own('upstream').map((block) => [block.words[0] ?? '', block]));
    this.#folder = folder;
    this.#ledger = ledger;
  }

  /** @returns the name of the upstream that a location's calls go to; undefined if it cannot have endpoints */
  nameFor(target: PassTarget, pass: Directive, scope: Scope): string | undefined {
    const block = this.#blocks.get(target.authority);
    if (block === undefined && endpointAddress(target.authority, portOf(target)) === undefined) {
      this.#ledger.refuse(pass, 'its target is neither an upstream nor an address');
      return undefined;
    }
    // The servers are judged where they become endpoints: a block that no route leads to is left out whole.
    if (block !== undefined && upstreamServersOf(block, PORT_IN_BLOCK, new Ledger()).length === 0) {
      upstreamServersOf(block, PORT_IN_BLOCK, this.#ledger);
      this.#ledger.refuse(block, 'none of its servers can be used');
      return undefined;
    }
    const tls = upstreamTlsOf(target.protocol, pass, scope, this.#folder, this.#ledger);
    // Only of an address are names asked for in different ways.
    const isAskedAgain = block === undefined && target.isAskedAgain;
    const key = JSON.stringify([target.authority, target.protocol, tls, isAskedAgain]);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = {
        name: this.#freeName(target),
        target,
        pass,
        tls,
        source: block === undefined ? 'address' : 'block',
        health: undefined,
        connectTimeout: undefined,
        resolver: scope.setting('resolver'),
      };
      this.#groups.set(key, group);
      this.#named.set(group.name, group);
    }
    this.#noteConnectTimeout(group, pass, scope);
    for (const directive of scope.own('health_check')) this.#noteHealth(group, directive);
    return group.name;
  }

  /** @returns how many servers the upstream has */
  serverCount(name: string): number {
    const group = this.#named.get(name);
    const block = group === undefined ? undefined : this.#blocks.get(group.target.authority);
    return block?.block?.filter((one) => one.name === 'server' && !one.words.includes('down')).length ?? 1;
  }

  /** @param used the names of those that routes lead to */
  entries(used: ReadonlySet<string>): readonly YamlEntry[] {
    for (const [key, { name }] of this.#groups) if (!used.has(name)) this.#groups.delete(key);
    const authorities = new Set(Array.from(this.#groups.values(), ({ target }) => target.authority));
    for (const [name, block] of this.#blocks) {
      if (authorities.has(name)) continue;
      this.#ledger.change(block, 'left out: no route leads here');
      this.#ledger.settleBlock(block);
    }
    return [...this.#groups.values()].map((group) => {
      const block = this.#blocks.get(group.target.authority);
      return block === undefined ? this.#fromAddress(group) : this.#fromBlock(group, block);
    });
  }

  #freeName({ authority, protocol }: PassTarget): string {
    const plain = authority
      .replace(/^unix:/, '')
      .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '');
    const isName = this.#blocks.has(authority) && /^[\w.-]{1,100}$/.test(authority);
    const wanted = isName ? authority : plain.slice(0, 100);
    const base = wanted === '' || wanted === '__proto__' ? 'upstream' : wanted;
    const candidates = [base, `${base}-${protocol.replace('https1', 'https').replace('http1', 'http')}`];
    for (let number = 2; ; number++) {
      const free = candidates.find(
        (name) => name !== '' && !this.#named.has(name) && !(this.#blocks.has(name) && name !== authority),
      );
      if (free !== undefined) return free;
      candidates.push(`${base}-${number}`);
    }
  }

  #noteConnectTimeout(group: Group, pass: Directive, scope: Scope): void {
    const directive = scope.setting(pass.name.replace('pass', 'connect_timeout'));
    const ms = parseTime(directive?.words[0] ?? '');
    if (directive === undefined || ms === undefined || ms === 0) return;
    this.#ledger.carry(directive, 'connections.connectTimeout of the upstream');
    const known = group.connectTimeout;
    if (known !== undefined && known.ms !== ms) {
      this.#ledger.change(directive, 'the longest one of all locations counts for the upstream');
    }
    if (known === undefined || known.ms < ms) group.connectTimeout = { ms: clamp(ms, 1, 600_000), directive };
  }

  #noteHealth(group: Group, directive: Directive): void {
    const health = healthOf(directive, isWeb(group.target), this.#ledger);
    if (health === undefined) return;
    group.health ??= { key: 'health', value: health.value, from: directive };
    const isSame = JSON.stringify(group.health.value) === JSON.stringify(health.value);
    this.#ledger.change(
      directive,
      isSame ? health.note : 'left out: an upstream has one health, and the first health_check counts',
    );
  }

  #fromAddress(group: Group): YamlEntry {
    const { target, pass } = group;
    const address = endpointAddress(target.authority, portOf(target)) ?? '';
    const endpoints = this.#endpointsOrDns(group, [{ address, from: pass }]);
    return this.#entry(group, pass, [...endpoints, ...this.#connections(group, undefined), group.health]);
  }

  #fromBlock(group: Group, block: Directive): YamlEntry {
    const ledger = this.#ledger;
    ledger.carry(block);
    const servers = upstreamServersOf(block, PORT_IN_BLOCK, ledger);
    const [only, ...others] = servers;
    const balance = balancingOf(block, ledger);
    const isDns = others.length === 0 && (only.isResolved || only.service !== undefined);
    const endpoints = isDns
      ? [this.#dns(only, group.resolver ?? block.block?.find(({ name }) => name === 'resolver'))]
      : [{ key: 'endpoints', value: new YamlList(servers.map(itemOf)) }];
    if (!isDns) this.#noteNames(servers);
    return this.#entry(group, block, [
      ...endpoints,
      ...balance,
      ...this.#slowStart(servers, balance),
      ...this.#connections(group, servers),
      ...this.#limits(group, servers, block),
      ...this.#outliers(servers),
      group.health,
    ]);
  }

  #entry(group: Group, from: Directive, more: readonly (YamlEntry | undefined)[]): YamlEntry {
    const { protocol } = group.target;
    const entries: YamlEntry[] = [];
    if (protocol === 'h2') entries.push({ key: 'protocol', value: 'h2' });
    if (isWeb(group.target)) entries.push({ key: 'protocol', value: 'http1' });
    if (protocol === 'https1' || group.tls.length > 0)
      entries.push({ key: 'tls', value: new YamlMap(group.tls) });
    return { key: group.name, value: new YamlMap([...entries, ...more]), from };
  }

  #noteNames(servers: readonly UpstreamServer[]): void {
    for (const { directive, isBackup, isResolved, service } of servers) {
      if (isBackup) {
        this.#ledger.change(
          directive,
          'priority: 1, which gets calls as soon as fewer than 71 % of the others can be used, not only when all have failed',
        );
      }
      if (service !== undefined)
        this.#ledger.refuse(
          directive,
          'service= beside other servers: dns with type: SRV is for an upstream of its own',
        );
      else if (isResolved)
        this.#ledger.change(
          directive,
          'resolve beside other servers: the name is looked up for each new connection',
        );
    }
  }

  #endpointsOrDns(
    group: Group,
    [{ address, from }]: readonly [{ readonly address: string; readonly from: Directive }],
  ): readonly YamlEntry[] {
    const host = /^([^[\]:]+):\d+$/.exec(address)?.[1];
    const isName = host !== undefined && /[a-z]/i.test(host);
    if (!group.target.isAskedAgain || !isName) {
      return [{ key: 'endpoints', value: new YamlList([{ value: address, from }]) }];
    }
    this.#ledger.change(
      from,
      'all addresses of the name are endpoints, and are followed by their time to live',
    );
    return [dnsEntry({ name: host, port: portOf(group.target), from }, group.resolver, this.#ledger)];
  }

  #dns({ address, service, directive }: UpstreamServer, resolver: Directive | undefined): YamlEntry {
    const name = address.replace(/:\d+$/, '');
    this.#ledger.carry(directive, 'dns');
    const port = Number(/:(\d+)$/.exec(address)?.[1]);
    const srv = service === undefined ? undefined : service.includes('.') ? service : `_${service}._tcp`;
    const wanted =
      srv === undefined ? { name, port, from: directive } : { name: `${srv}.${name}`, from: directive };
    return dnsEntry(wanted, resolver, this.#ledger);
  }

  #slowStart(servers: readonly UpstreamServer[], balance: readonly YamlEntry[]): readonly YamlEntry[] {
    const longest = longestOf(servers, ({ slowStartMs }) => slowStartMs);
    if (longest === undefined) return [];
    if (balance.some(({ value }) => value === 'ring-hash')) {
      this.#ledger.refuse(
        longest.server.directive,
        'slow_start has no meaning with a hash, whose keys it would move',
      );
      return [];
    }
    return [
      {
        key: 'slowStart',
        value: formatDuration(clamp(longest.value, 1000, 3_600_000)),
        from: longest.server.directive,
      },
    ];
  }

  /** `limits` of both `max_conns` and `queue`. */
  #limits(group: Group, servers: readonly UpstreamServer[], block: Directive): readonly YamlEntry[] {
    const most = longestOf(servers, ({ maxConnections }) => maxConnections);
    const queue = block.block?.findLast(({ name }) => name === 'queue');
    const pending = parseCount(queue?.words[0]);
    const limits: YamlEntry[] = [];
    if (most !== undefined && !isWeb(group.target)) {
      const sum = servers.reduce((total, one) => total + (one.maxConnections ?? most.value), 0);
      limits.push({ key: 'streams', value: clamp(sum, 1, 1_000_000), from: most.server.directive });
      this.#ledger.change(
        most.server.directive,
        'max_conns becomes limits.streams, calls of the whole upstream in each worker: a connection carries many calls here',
      );
    }
    if (queue !== undefined && pending !== undefined) {
      limits.push({ key: 'pending', value: clamp(pending, 0, 1_000_000), from: queue });
      this.#ledger.change(
        queue,
        'limits.pending; a call waits as long as its deadline lets it, in each worker',
      );
    }
    return limits.length === 0 ? [] : [{ key: 'limits', value: new YamlMap(limits) }];
  }

  #connections(group: Group, servers: readonly UpstreamServer[] | undefined): readonly YamlEntry[] {
    const connect = group.connectTimeout;
    const most = longestOf(servers ?? [], ({ maxConnections }) => maxConnections);
    const connections: YamlEntry[] = [];
    if (connect !== undefined) {
      connections.push({ key: 'connectTimeout', value: formatDuration(connect.ms), from: connect.directive });
    }
    if (most !== undefined && isWeb(group.target)) {
      connections.push({ key: 'max', value: clamp(most.value, 1, 10_000), from: most.server.directive });
      this.#ledger.carry(most.server.directive, 'connections.max');
    }
    return connections.length === 0 ? [] : [{ key: 'connections', value: new YamlMap(connections) }];
  }

  /** nginx counts failures only where there is another server. */
  #outliers(servers: readonly UpstreamServer[]): readonly YamlEntry[] {
    const ledger = this.#ledger;
    const told = servers.filter(
      ({ maxFails, failTimeoutMs }) => maxFails !== undefined || failTimeoutMs !== undefined,
    );
    const counted = told.filter(({ maxFails }) => maxFails !== 0);
    for (const { directive, maxFails } of told) {
      if (maxFails === 0)
        ledger.change(
          directive,
          counted.length === 0 || servers.length === 1
            ? 'max_fails=0 needs nothing: without outliers no endpoint is ejected'
            : 'max_fails=0 is left out: outliers are of the whole upstream, and eject this endpoint too',
        );
      else if (servers.length === 1)
        ledger.change(
          directive,
          'max_fails and fail_timeout are left out: with one server nginx ignores them too',
        );
      else
        ledger.change(
          directive,
          'max_fails and fail_timeout become outliers of the whole upstream: failures in a row, and half of the servers stay in at least',
        );
    }
    if (servers.length === 1 || counted.length === 0) return [];
    const fails = greatest(counted.map(({ maxFails }) => maxFails ?? 1));
    const pause = greatest(counted.map(({ failTimeoutMs }) => failTimeoutMs ?? USUAL_FAIL_TIMEOUT_MS));
    const value = new YamlMap([
      { key: 'consecutive', value: clamp(fails, 1, 1000) },
      { key: 'ejection', value: formatDuration(clamp(pause, 1000, 3_600_000)) },
    ]);
    return [{ key: 'outliers', value, from: counted[0].directive }];
  }
}

function isWeb({ protocol }: PassTarget): boolean {
  return protocol === 'http1' || protocol === 'https1';
}

interface Named {
  readonly name: string;
  /** Undefined for SRV records, which have their own. */
  readonly port?: number;
  readonly from: Directive;
}

function dnsEntry({ name, port, from }: Named, resolver: Directive | undefined, ledger: Ledger): YamlEntry {
  const valid = resolver?.words.find((word) => word.startsWith('valid='))?.slice('valid='.length);
  const maxTtl = parseTime(valid ?? '');
  if (resolver !== undefined) {
    const servers = 'the servers of /etc/resolv.conf are asked; there is no other list of them';
    ledger.change(resolver, maxTtl === undefined ? servers : `${servers}; valid= becomes dns.maxTtl`);
  }
  return {
    key: 'dns',
    from,
    value: new YamlMap([
      { key: 'name', value: name },
      port === undefined ? { key: 'type', value: 'SRV' } : { key: 'port', value: port },
      maxTtl === undefined || maxTtl === 0
        ? undefined
        : { key: 'maxTtl', value: formatDuration(clamp(maxTtl, 1000, 86_400_000)), from: resolver },
    ]),
  };
}

function itemOf({ address, weight, isBackup, directive }: UpstreamServer): YamlItem {
  if (weight === 1 && !isBackup) return { value: address, from: directive };
  const value = new YamlMap([
    { key: 'address', value: address, from: directive },
    weight === 1 ? undefined : { key: 'weight', value: weight },
    isBackup ? { key: 'priority', value: 1 } : undefined,
  ]);
  return { value };
}

function longestOf(
  servers: readonly UpstreamServer[],
  valueOf: (server: UpstreamServer) => number | undefined,
): { readonly server: UpstreamServer; readonly value: number } | undefined {
  return servers
    .flatMap((server) => {
      const value = valueOf(server);
      return value === undefined ? [] : [{ server, value }];
    })
    .toSorted((one, other) => other.value - one.value)[0];
}
