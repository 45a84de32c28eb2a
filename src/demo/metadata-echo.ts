// Echoes request metadata in the response, so that tests can check that a proxy does not change it. proto/voice.proto says which
// fields are echoed and where.

import { Metadata, ServerInterceptingCall, type ServerInterceptor } from './grpc.ts';

export const metadataEcho: ServerInterceptor = (_definition, call) => {
  let initial = new Metadata();
  let trailing = new Metadata();
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata: (metadata, nextMetadata) => {
          initial = echoOf(metadata, 'x-echo-trailing-');
          trailing = echoOf(metadata, 'x-echo-initial-');
          nextMetadata(metadata);
        },
      }),
    sendMetadata: (metadata, next) => {
      initial.merge(metadata);
      next(initial);
    },
    sendStatus: (status, next) => {
      if (status.metadata) trailing.merge(status.metadata);
      next({ ...status, metadata: trailing });
    },
  });
};

function echoOf(received: Metadata, except: string): Metadata {
  const echo = new Metadata();
  for (const key of Object.keys(received.getMap())) {
    if (!key.startsWith('x-echo-') || key.startsWith(except)) continue;
    for (const value of received.get(key)) echo.add(key, value);
  }
  return echo;
}
