import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ListenAddress } from '../../src/config/address.ts';
import type { ListenerConfig } from '../../src/config/config.ts';
import { addressFinding, isSystemd, planListeners } from '../../src/plane/listener-plan.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const [, template] = configOf(await proxyConfigText({})).listeners;

function tcp(port: number): ListenAddress {
  return { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` };
}

function listener(name: string, address: ListenAddress): ListenerConfig {
  return { ...template, name, address };
}

/** The names of open listeners whose sockets these get; '' where there is none. */
function planned(open: readonly ListenerConfig[], next: readonly ListenerConfig[]): readonly string[] {
  return planListeners(open, (config) => config, next).map(({ known }) => known?.name ?? '');
}

test('a listener keeps the socket of its address, whatever its name is now', () => {
  const open = [listener('a', tcp(1)), listener('b', tcp(2))];
  assert.deepEqual(planned(open, [listener('new', tcp(2)), listener('a', tcp(3))]), ['b', '']);
});

test('of several at any free port each keeps its own by its name, and a stranger gets what is left', () => {
  const open = [listener('a', tcp(0)), listener('b', tcp(0)), listener('c', tcp(0))];
  const next = [listener('c', tcp(0)), listener('stranger', tcp(0)), listener('a', tcp(0))];
  assert.deepEqual(planned(open, next), ['c', 'b', 'a']);
});

test('no socket is given to two listeners, and two that work it out come to the same', () => {
  const anyListener = fc.record({ name: fc.constantFrom('a', 'b', 'c'), port: fc.nat(2) });
  const any = fc.array(anyListener, { maxLength: 6 });
  fc.assert(
    fc.property(any, any, (before, after) => {
      const open = before.map(({ name, port }) => listener(name, tcp(port)));
      const next = after.map(({ name, port }) => listener(name, tcp(port)));
      const known = planListeners(open, (config) => config, next).flatMap((plan) => plan.known ?? []);
      assert.equal(new Set(known).size, known.length);
      assert.deepEqual(planned(open, next), planned(structuredClone(open), structuredClone(next)));
    }),
  );
});

test('who has the port of an address that cannot be opened is named', () => {
  const [plan] = planListeners([], (config: ListenerConfig) => config, [listener('new', tcp(8443))]);
  const finding = addressFinding(new Error('taken'), plan, [{ name: 'old', port: 8443 }]);
  assert.deepEqual([finding.path, finding.message], [['listeners', 0, 'address'], 'taken']);
  assert.match(finding.hint ?? '', /listener 'old' of the running configuration/);
  assert.equal(addressFinding(new Error('taken'), plan, [{ name: 'old', port: 1 }]).hint, undefined);
});

test('sockets of systemd are told from others', () => {
  const address: ListenAddress = { kind: 'systemd', socketName: 'https', text: 'systemd:https' };
  const plans = planListeners([], (config: ListenerConfig) => config, [
    listener('a', address),
    listener('b', tcp(1)),
  ]);
  assert.deepEqual(plans.map(isSystemd), [true, false]);
});
