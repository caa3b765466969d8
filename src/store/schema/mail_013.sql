-- Which threads the user does not want to hear of: those with a member that has this keyword.
CREATE INDEX message_muted ON message (thread) WHERE instr(lower(wanted_keywords), '$muted') > 0;
