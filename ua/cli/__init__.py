"""The command line: `icephone demo`, `call`, `answer`, `register` and `config`."""
