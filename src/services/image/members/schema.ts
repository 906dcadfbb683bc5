import { Type } from '../../../kernel/schema/type.ts'

export const NewMember = Type.Object(
  { member: Type.String({ minLength: 1, maxLength: 255 }) },
  { additionalProperties: false },
)
export const MemberChange = Type.Object(
  {
    status: Type.Unsafe<'pending' | 'accepted' | 'rejected'>({
      type: 'string',
      enum: ['pending', 'accepted', 'rejected'],
    }),
  },
  { additionalProperties: false },
)

/** A project an image is shared with, and its answer. */
export interface MemberTable {
  image_id: string
  member: string
  status: 'pending' | 'accepted' | 'rejected'
  created_at: string
  updated_at: string
}
