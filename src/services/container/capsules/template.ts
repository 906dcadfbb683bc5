import { Type, type Static, type TProperties } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { Cpu, Net, PullPolicy } from '../containers/create-schema.ts'
import { BooleanLike, Digits, ImageName, Name, orNull, Text, TextMap } from '../wire/schemas.ts'

const closed = { additionalProperties: false } as const
const Words = Type.Array(Text(32_768), { maxItems: 1000 })

const Port = Type.Object(
  {
    name: Type.Optional(orNull(Name)),
    containerPort: Digits,
    hostPort: Type.Optional(Digits),
    protocol: Type.Optional(Type.Union([Type.Literal('TCP'), Type.Literal('UDP')])),
  },
  closed,
)

const VolumeMount = Type.Object(
  { name: Name, mountPath: Text(4096, 1), readOnly: Type.Optional(BooleanLike) },
  closed,
)

const Requests = Type.Object(
  { cpu: Type.Optional(orNull(Cpu)), memory: Type.Optional(orNull(Digits)) },
  closed,
)
const Resources = Type.Object({ requests: Type.Optional(Requests) }, closed)

const memberFields = {
  name: Type.Optional(orNull(Name)),
  image: ImageName,
  command: Type.Optional(Words),
  args: Type.Optional(Words),
  resources: Type.Optional(Resources),
  ports: Type.Optional(Type.Array(Port, { maxItems: 100 })),
  volumeMounts: Type.Optional(Type.Array(VolumeMount, { maxItems: 100 })),
  env: Type.Optional(TextMap),
  workDir: Type.Optional(orNull(Text(4096))),
  imagePullPolicy: Type.Optional(orNull(PullPolicy)),
  // ours: where the image comes from
  imageDriver: Type.Optional(Type.Union([Type.Literal('docker'), Type.Literal('glance')])),
} satisfies TProperties

/** Up to 1.36 there is no terminal and no open input. */
export const LegacyMember = Type.Object(memberFields, closed)
export const Member = Type.Object(
  { ...memberFields, stdin: Type.Optional(BooleanLike), tty: Type.Optional(BooleanLike) },
  closed,
)
export type Member = Static<typeof Member>

const Volume = Type.Object(
  {
    name: Name,
    cinder: Type.Object(
      {
        volumeID: Type.Optional(Text(36, 36)),
        size: Type.Optional(Digits),
        autoRemove: Type.Optional(BooleanLike),
      },
      closed,
    ),
  },
  closed,
)
export type VolumeWish = Static<typeof Volume>

const RestartPolicy = Type.Union([
  Type.Literal('Always'),
  Type.Literal('OnFailure'),
  Type.Literal('Never'),
])

function templateOf<M extends typeof Member | typeof LegacyMember>(member: M) {
  const spec = Type.Object(
    {
      containers: Type.Array(member, { minItems: 1, maxItems: 50 }),
      initContainers: Type.Optional(Type.Array(member, { maxItems: 50 })),
      volumes: Type.Optional(orNull(Type.Array(Volume, { maxItems: 50 }))),
      restartPolicy: Type.Optional(RestartPolicy),
    },
    closed,
  )
  const metadata = Type.Object(
    {
      name: Type.Optional(orNull(Name)),
      labels: Type.Optional(orNull(TextMap)),
      annotations: Type.Optional(orNull(TextMap)),
    },
    closed,
  )
  return Type.Object(
    {
      kind: Type.Union([Type.Literal('capsule'), Type.Literal('Capsule')]),
      capsuleVersion: Type.Optional(Type.Union([Type.Literal('beta'), Type.Literal('Beta')])),
      metadata,
      spec,
      // older templates have it here
      restartPolicy: Type.Optional(RestartPolicy),
      availabilityZone: Type.Optional(orNull(Text(255, 1))),
      nets: Type.Optional(orNull(Type.Array(Net, { maxItems: 32 }))),
    },
    closed,
  )
}

const LegacyTemplate = templateOf(LegacyMember)
const Template = templateOf(Member)
export type Template = Static<typeof Template>

export const LegacyCreate = Type.Object({ template: LegacyTemplate }, closed)
export const Create = Type.Object({ template: Template }, closed)

/** The template itself, or its JSON as text, as gophercloud and old clients send it. */
export const orAsText = ({ properties: { template } }: typeof LegacyCreate | typeof Create) =>
  Type.Object({ template: Type.Union([template, Type.String()]) }, closed)

/** What was asked for, whichever way it was sent; 400 where text is no template. */
export function readTemplate(sent: unknown, shape: typeof LegacyCreate | typeof Create): Template {
  if (typeof sent !== 'string') return sent as Template // the request's schema has seen it
  const wish = { template: parsed(sent) }
  validate(shape, wish, 'body', 'template')
  return wish.template as Template // both shapes are one
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw cloudError('badRequest', 'The template is text that is no JSON.', { cause })
  }
}
