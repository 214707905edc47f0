// TODO: some day
