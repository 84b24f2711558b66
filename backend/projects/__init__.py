"""Projects: what is read, by whom, under which policy; and uploads on their way into one."""
