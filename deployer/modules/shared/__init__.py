"""What several kinds of modules share; it is for `deployer.modules` alone."""
