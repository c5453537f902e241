//! Why a port can or cannot be bound, compared with what bind(2) then does.
