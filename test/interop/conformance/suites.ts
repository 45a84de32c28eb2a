// The suites of others, in the order in which they run.

import type { Interpreter, Missing } from '../interpreters.ts';
import type { ConformanceSuite } from './conformance-suite.ts';
import { connectSuite } from './connect-suite.ts';
import { prepareGoTools } from './go-tools.ts';
import { grpcSuites } from './grpc/grpc-suites.ts';
import { h2specdSuite } from './h2spec/client-suite.ts';
import { h2specSuite } from './h2spec/server-suite.ts';
import { hpackSuite } from './hpack/hpack-suite.ts';
import { goNegativeSuite, negativeSuite } from './negative/negative-suite.ts';
import { nginxSuite } from './nginx/nginx-suite.ts';
import { tlsSuite } from './tls/tls-suite.ts';

export function conformanceSuites(
  python: Interpreter | Missing,
  warn: (text: string) => void,
): readonly ConformanceSuite[] {
  const go = prepareGoTools(warn);
  return [
    h2specSuite(go.h2spec, 'tls'),
    h2specSuite(go.h2spec, 'plaintext'),
    h2specdSuite(go.h2specd),
    connectSuite(go.connectconformance, go.referenceserver),
    ...grpcSuites(go, python, warn),
    negativeSuite,
    goNegativeSuite(go['grpc-go negative client']),
    hpackSuite,
    tlsSuite(warn),
    nginxSuite(warn),
  ];
}
