//! Request: body bytes → validated texts, or the refusal that the client gets.
