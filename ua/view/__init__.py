"""What people see of calls, whoever shows it: the terminal, the report, the evidence of scenarios."""
