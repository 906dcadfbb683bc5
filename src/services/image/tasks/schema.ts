export type TaskStatus = 'pending' | 'processing' | 'success' | 'failure'

/** An import, from its acceptance to its end. */
export interface ImageTaskTable {
  id: string
  image_id: string
  owner: string | null
  type: string
  status: TaskStatus
  /** The request, as JSON. */
  input: string
  message: string
  request_id: string
  user_id: string | null
  created_at: string
  updated_at: string
  /** Set when the task has ended: it is forgotten then. */
  expires_at: string | null
}
