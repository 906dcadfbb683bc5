import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { elfNeeds } from './elf.ts'

it('reads what a program of this machine needs', async () => {
  const needs = elfNeeds(await readFile('/bin/sh'))
  expect(needs?.interpreter).toMatch(/ld-linux/)
  expect(needs?.libraries).toContain('libc.so.6')
})

it('takes nothing else for a program', () => {
  expect(elfNeeds(Buffer.from('#!/bin/sh\n'.repeat(20)))).toBeUndefined()
  expect(elfNeeds(Buffer.alloc(0))).toBeUndefined()
})
