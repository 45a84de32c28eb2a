// Counts by method: which methods have a name, and that no client can make names at will.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import {
  MethodMetrics,
  MOST_METHODS,
  MOST_METHODS_OF_ROUTE,
} from '../../src/observability/method-metrics.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { standIn } from '../support/stand-in.ts';

function subjectOf(method: string, route = 'voice'): ExchangeSubject {
  return standIn<ExchangeSubject>({ method, route, kept: [] });
}

function end(metrics: MethodMetrics, subject: ExchangeSubject, grpcStatus = 'OK'): void {
  metrics.onFinish(standIn<ExchangeRecord>({ subject, grpcStatus }));
}

function routeOf(name: string, path: string | undefined): RouteConfig {
  return standIn<RouteConfig>({ name, match: standIn<RouteConfig['match']>({ path }) });
}

/** As text: 'voice /a.B/C OK 1'. */
function counted(metrics: MethodMetrics): readonly string[] {
  return [...metrics.families()].flatMap((family) =>
    valuesOf(family).map(
      ({ labels, value }) => `${labels['route']} ${labels['method']} ${labels['code']} ${value}`,
    ),
  );
}

test('a method has a name from its first success on, and is one of the others before', () => {
  const metrics = new MethodMetrics();
  const subject = subjectOf('/a.B/C');
  end(metrics, subject, 'UNAVAILABLE');
  end(metrics, subject);
  end(metrics, subject, 'UNAVAILABLE');
  end(metrics, subjectOf('/a.B/C'), 'NOT_FOUND');
  assert.deepEqual(counted(metrics), [
    'voice /a.B/C OK 1',
    'voice /a.B/C NOT_FOUND 1',
    'voice /a.B/C UNAVAILABLE 1',
    'voice other UNAVAILABLE 1',
  ]);
});

test('a method that is the path of a route has a name at once, on this route alone', () => {
  const metrics = new MethodMetrics();
  metrics.use([routeOf('exact', '/a.B/C'), routeOf('all', '/*'), routeOf('none', undefined)]);
  end(metrics, subjectOf('/a.B/C', 'exact'), 'UNIMPLEMENTED');
  end(metrics, subjectOf('/a.B/C', 'all'), 'UNIMPLEMENTED');
  end(metrics, subjectOf('/*', 'all'), 'UNIMPLEMENTED');
  assert.deepEqual(counted(metrics), ['exact /a.B/C UNIMPLEMENTED 1', 'all other UNIMPLEMENTED 2']);
});

test('a query is no part of a method, so that neither a token nor its number of values can be in a label', () => {
  const metrics = new MethodMetrics();
  metrics.use([routeOf('exact', '/a.B/C')]);
  for (let token = 0; token < 3; token++) {
    end(metrics, subjectOf(`/a.B/C?token=${token}`, 'exact'), 'UNAVAILABLE');
    end(metrics, subjectOf(`/d.E/F?token=${token}`));
  }
  assert.deepEqual(counted(metrics), ['exact /a.B/C UNAVAILABLE 3', 'voice /d.E/F OK 3']);
});

test('calls that are not gRPC are not counted, and a code that gRPC does not define is UNKNOWN', () => {
  const metrics = new MethodMetrics();
  end(metrics, subjectOf('/page'), '');
  assert.deepEqual(counted(metrics), []);
  end(metrics, subjectOf('/a.B/C'));
  end(metrics, subjectOf('/a.B/C'), '99');
  assert.deepEqual(counted(metrics), ['voice /a.B/C OK 1', 'voice /a.B/C UNKNOWN 1']);
});

test('failed calls to a million methods make no name', () => {
  const metrics = new MethodMetrics();
  for (let call = 0; call < 1_000_000; call++) end(metrics, subjectOf(`/a.B/M${call}`), 'UNIMPLEMENTED');
  assert.deepEqual(counted(metrics), ['voice other UNIMPLEMENTED 1000000']);
});

test('a service that takes every method fills no more than the room of its route, and takes nobody else his', () => {
  const metrics = new MethodMetrics();
  metrics.use([routeOf('exact', '/a.B/Exact')]);
  end(metrics, subjectOf('/a.B/Early'));
  for (let call = 0; call < 5000; call++) end(metrics, subjectOf(`/x.Y/M${call}`, 'echo'));
  end(metrics, subjectOf('/a.B/Late'));
  end(metrics, subjectOf('/a.B/Exact', 'exact'));
  const lines = counted(metrics);
  assert.equal(lines.filter((line) => line.startsWith('echo /')).length, MOST_METHODS_OF_ROUTE);
  assert.ok(lines.includes(`echo other OK ${5000 - MOST_METHODS_OF_ROUTE}`));
  for (const line of ['voice /a.B/Early OK 1', 'voice /a.B/Late OK 1', 'exact /a.B/Exact OK 1'])
    assert.ok(lines.includes(line), line);
  for (let route = 0; route < 20; route++)
    for (let call = 0; call < 300; call++) end(metrics, subjectOf(`/x.Y/M${call}`, `r${route}`));
  const learned = counted(metrics).filter((line) => line.includes(' /') && !line.startsWith('exact'));
  assert.equal(learned.length, MOST_METHODS);
});

test('a name that is long or looks like no method is one of the others, even with success', () => {
  const metrics = new MethodMetrics();
  for (const method of ['/a b?x=1', '/a b', '/\u00ff', `/${'x'.repeat(200)}`, 'a', '/', '/a"b\n'])
    end(metrics, subjectOf(method));
  end(metrics, subjectOf('/prefix/a.b-c.D_/E'));
  assert.deepEqual(counted(metrics), ['voice /prefix/a.b-c.D_/E OK 1', 'voice other OK 7']);
});
