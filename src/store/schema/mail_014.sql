-- A statement with a trigger copies every page it changes beforehand: whoever adds or changes messages counts them (work.rs).
DROP TRIGGER message_added;
DROP TRIGGER message_wanted;
