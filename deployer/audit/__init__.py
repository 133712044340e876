"""Rules that know the BEAM: what is read of a host, how each rule judges it, and whom a person has let off."""
