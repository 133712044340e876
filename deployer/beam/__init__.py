"""What is known of the BEAM: names, EPMD, distribution, cookies, releases. No connection is opened here."""
