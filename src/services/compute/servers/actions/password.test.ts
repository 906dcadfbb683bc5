import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startComputeBed, type ComputeBed } from '../../testbed.ts'

let bed: ComputeBed
beforeAll(async () => {
  bed = await startComputeBed()
})
afterAll(async () => {
  await bed.close()
})

const PASSWORD = "S3cret: '$(reboot)' \\n"
const asked = { changePassword: { adminPass: PASSWORD } }

async function lastAction(id: string): Promise<Record<string, unknown>> {
  const path = `/compute/v2.1/servers/${id}/os-instance-actions`
  return (await bed.at('2.21', 'admin').get(path)).body.instanceActions[0]
}

describe('a new password', () => {
  it('is given to chpasswd in the guest, and stands in no command line', async () => {
    const { id } = await bed.boot()
    expect((await bed.act(id, asked)).status).toBe(202)
    expect(bed.engine.executed).toMatchObject({
      user: '0',
      env: { STACKYARD_USER: 'root', STACKYARD_PASSWORD: PASSWORD },
    })
    expect(bed.engine.executed?.command.join(' ')).toContain('chpasswd')
    expect(bed.engine.executed?.command.join(' ')).not.toContain('S3cret')
    expect(await lastAction(id)).toMatchObject({ action: 'changePassword', message: null })
    expect((await bed.show(id)).status).toBe('ACTIVE')
  })

  it('is for the administrator that the image names', async () => {
    const imageRef = await bed.upload('cirros', { os_admin_user: 'cirros' })
    const { id } = await bed.boot({ imageRef })
    expect((await bed.act(id, asked)).status).toBe(202)
    expect(bed.engine.executed?.env).toMatchObject({ STACKYARD_USER: 'cirros' })
    const broken = await bed.upload('broken', { os_admin_user: 'root:x' })
    const { id: other } = await bed.boot({ imageRef: broken })
    expect((await bed.act(other, asked)).body.conflictingRequest.message).toMatch(/os_admin_user/)
  })

  it.each([
    [127, 'sh: chpasswd: not found', /no chpasswd/],
    [126, 'exec failed', /no \/bin\/sh/],
    [1, 'chpasswd: unknown user root', /refuses it for user root: chpasswd: unknown user/],
    [1, `cannot set ${PASSWORD}`, /it ended with 1$/],
  ])('that cannot be set is a conflict: %s %s', async (exitCode, output, reason) => {
    const { id } = await bed.boot()
    bed.engine.execAnswer = { exitCode, output }
    const answer = await bed.act(id, asked)
    bed.engine.execAnswer = { exitCode: 0, output: '' }
    expect(answer.status).toBe(409)
    expect(answer.body.conflictingRequest.message).toMatch(reason)
    expect(answer.body.conflictingRequest.message).toMatch(/^Failed to set admin password on/)
    expect(await lastAction(id)).toMatchObject({ action: 'changePassword', message: 'Error' })
  })

  it('is refused unless the server is active, and unless it is one line', async () => {
    const { id } = await bed.boot()
    const lines = { changePassword: { adminPass: 'a\nroot:b' } }
    expect((await bed.act(id, lines)).status).toBe(400)
    await bed.act(id, { pause: null })
    await bed.settle()
    expect((await bed.act(id, asked)).body.conflictingRequest.message).toMatch(/vm_state paused/)
  })
})
