-- Whether a message is being worked on, and how often in a row a process ended while it was: a kill is not the message's
-- failure, and a message that takes the process down with it must not do so for ever.
ALTER TABLE messages ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
