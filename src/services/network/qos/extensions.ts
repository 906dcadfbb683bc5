import { extensionsOf } from '../extensions/known.ts'

export const qosExtensions = extensionsOf([
  [
    'qos',
    'Quality of Service',
    '2015-06-08T10:00:00-00:00',
    'Limits and marks of traffic, by policies.',
  ],
  [
    'qos-bw-limit-direction',
    'Direction for QoS bandwidth limit rule',
    '2017-04-10T10:00:00-00:00',
    'Bandwidth is limited per direction.',
  ],
  [
    'qos-bw-minimum-ingress',
    'Ingress direction for QoS minimum bandwidth rule',
    '2018-07-09T10:00:00-00:00',
    'A minimum can be asked for what comes in, too.',
  ],
  [
    'qos-default',
    'QoS default policy',
    '2017-041-06T10:00:00-00:00',
    'A policy that new networks of a project are under.',
  ],
  [
    'qos-fip',
    'Floating IP QoS',
    '2017-07-20T00:00:00-00:00',
    'Floating IPs can be under a policy.',
  ],
  [
    'qos-fip-network-policy',
    'QoS floating IP network policy ID',
    '2021-11-15T10:00:00-00:00',
    "Floating IPs show their network's policy.",
  ],
  [
    'qos-gateway-ip',
    'Router gateway IP QoS',
    '2018-02-24T00:00:00-00:00',
    'Gateways of routers can be under a policy.',
  ],
  [
    'qos-port-network-policy',
    'QoS port network policy ID',
    '2019-11-01T10:00:00-00:00',
    "Ports show their network's policy.",
  ],
  [
    'qos-pps-minimum',
    'QoS minimum packet rate rule',
    '2021-07-14T10:00:00-00:00',
    'A minimum of packets per second can be asked for.',
  ],
  [
    'qos-pps-minimum-rule-alias',
    'QoS minimum packet rate rule alias',
    '2021-10-22T10:00:00-00:00',
    'Minimum packet rate rules are found by their id alone.',
  ],
  [
    'qos-rule-type-details',
    'Details of QoS rule types',
    '2017-06-22T10:00:00-00:00',
    'Admins see what the engine can do with a type of rules.',
  ],
  [
    'qos-rules-alias',
    'Quality of Service rules alias API',
    '2018-10-07T10:00:00-00:00',
    'Rules are found by their id alone.',
  ],
  [
    'port-resource-request',
    'Port Resource Request',
    '2018-05-08T10:00:00-00:00',
    'Ports show what their policy promises them.',
  ],
  [
    'port-resource-request-groups',
    'Port Resource Request Groups',
    '2021-08-02T10:00:00-00:00',
    'What ports are promised is shown in groups.',
  ],
])
