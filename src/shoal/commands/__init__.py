"""The commands, one file each, named as they are typed. Each file is loaded only when its command is asked for."""
