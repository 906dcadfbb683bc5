import { networkContract } from '../../ports/contract/network.ts'
import { linuxBed } from './testbed.ts'

networkContract('linux', linuxBed)
