// proto/voice.proto for both client libraries, from the descriptor that the bundle was made with; no code is generated.

import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  fromBinary,
  toBinary,
} from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

declare const VOICE_PROTO: string;

export interface SayRequest {
  readonly text: string;
  readonly delayMs: number;
  readonly replyAudioBytes: number;
  readonly audio: Uint8Array;
}

/** What comes back is described by classes, since grpc-web asks for them. */
export class SayReply {
  readonly text: string = '';
  readonly audio: Uint8Array = new Uint8Array();
  readonly receivedAudioBytes: number = 0;
}

export interface NarrateRequest {
  readonly text: string;
  readonly intervalMs: number;
  readonly audioBytes: number;
  readonly repeat: number;
  readonly failure: Partial<FailRequest>;
}

export class NarratedWord {
  readonly sequence: number = 0;
  readonly word: string = '';
  readonly audio: Uint8Array = new Uint8Array();
}

export interface FailRequest {
  readonly code: number;
  readonly message: string;
  readonly details: Uint8Array;
  readonly afterHeaders: boolean;
}

const voiceRegistry = createFileRegistry(voiceDescriptor(), () => undefined);
/** Answers with the status that the metadata ask for; see plain-service.ts. */
const mirrorRegistry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'mirror.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [{ name: 'Nothing' }],
    service: [
      {
        name: 'Mirror',
        method: [{ name: 'Answer', inputType: '.test.Nothing', outputType: '.test.Nothing' }],
      },
    ],
  }),
  () => undefined,
);

export const voiceService: DescService = found(voiceRegistry.getService('voice.VoiceAssistant'));
export const mirrorService: DescService = found(mirrorRegistry.getService('test.Mirror'));

/** protobufjs writes the names of types as the file does, where absolute ones are due. */
function voiceDescriptor(): FileDescriptorProto {
  const file = fromBinary(FileDescriptorProtoSchema, base64Decode(VOICE_PROTO));
  const absolute = (name: string) =>
    name === '' || name.startsWith('.') ? name : `.${file.package}.${name}`;
  for (const field of file.messageType.flatMap((message) => message.field)) {
    field.typeName = absolute(field.typeName);
  }
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = absolute(method.inputType);
    method.outputType = absolute(method.outputType);
  }
  return file;
}

export function voiceMessage(name: string): DescMessage {
  return found(voiceRegistry.getMessage(`voice.${name}`));
}

export function encode(name: string, fields: object): Uint8Array<ArrayBuffer> {
  const message = voiceMessage(name);
  return new Uint8Array(toBinary(message, create(message, { ...fields })));
}

export function decode(name: string, bytes: Uint8Array): unknown {
  return fromBinary(voiceMessage(name), bytes);
}

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the descriptor lacks what the page needs');
  return value;
}
