"""The program: commands, services, recorder and reports."""
