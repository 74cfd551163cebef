"""Mass reissue: every certificate of one CA account, ordered anew with another, at a pace an operator chose."""
